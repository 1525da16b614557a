/** The frame of the page: what is always there, around the view that is chosen. */
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Banner } from "./parts/banner";
import { Header, ServiceChoice } from "./parts/header";
import { Tabs } from "./parts/tabs";
import { TokenForm } from "./parts/token-form";
import { announcement } from "./state/announcements";
import { isLocked } from "./state/api";
import { place } from "./state/navigation";
import type { View } from "./state/place";
import { VIEW_TITLES } from "./text/view-titles";
import { DistributionView } from "./views/distribution";
import { ErrorSheet } from "./views/error-sheet";
import { HardwareView } from "./views/hardware";
import { JourneyView } from "./views/journey";
import { LogsView } from "./views/logs";
import { OverviewView } from "./views/overview";
import { PatternSheet } from "./views/pattern-sheet";
import { PatternsView } from "./views/patterns";
import { RequestsView } from "./views/requests";
import { WorkersView } from "./views/workers";

const VIEW_PARTS: Readonly<Record<View, () => JSX.Element>> = {
  overview: OverviewView,
  distribution: DistributionView,
  patterns: PatternsView,
  workers: WorkersView,
  hardware: HardwareView,
  requests: RequestsView,
  journey: JourneyView,
  logs: LogsView,
};

export function App(): JSX.Element {
  const { view, error, pattern } = place.value;
  const View = VIEW_PARTS[view];
  useEffect(() => {
    document.title = `${VIEW_TITLES[view]} · Seismo`;
  }, [view]);
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById("view")?.focus()}>
        Skip to the view
      </button>
      <Header>
        <Tabs />
      </Header>
      <main>
        <Banner />
        <div id="view" tabIndex={-1} role="tabpanel" aria-labelledby={`tab-${view}`}>
          <h1 class="unseen">{VIEW_TITLES[view]}</h1>
          <div class="on-narrow">
            <ServiceChoice />
          </div>
          {isLocked.value ? <TokenForm /> : <View key={view} />}
        </div>
      </main>
      {!isLocked.value && error !== "" && <ErrorSheet key={error} id={error} />}
      {!isLocked.value && pattern !== "" && error === "" && <PatternSheet key={pattern} fingerprint={pattern} />}
      <p class="unseen" role="status" aria-live="polite">
        {announcement.value}
      </p>
    </>
  );
}
