/** Wires the feed to what it moves: lists and counts, sounds, notifications, and the sentence for who listens. */
import { announceErrors } from "./announcements";
import { notifyOfErrors } from "./desktop-notification";
import { followErrors, takeErrors, takeJudgements } from "./errors";
import { noteGap } from "./gap";
import { createLiveFeed, type LiveFeed } from "./live-feed";
import { refreshNow } from "./refresh";
import { soundErrors, startSounds } from "./sound";

export const feed: LiveFeed = createLiveFeed({
  onErrors(rows) {
    takeErrors(rows);
    soundErrors(rows);
    notifyOfErrors(rows);
    announceErrors(rows);
  },
  onJudgements: takeJudgements,
  onGap() {
    noteGap();
    refreshNow();
  },
});

export function startPage(): void {
  startSounds();
  followErrors();
  feed.connect();
}
