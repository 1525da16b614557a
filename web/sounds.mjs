// Makes the sounds of the page from sine waves: short, soft at both ends, and told apart by how they move.
// `npm run sounds` writes them anew; the user's own files of the same names replace them (docs/page.md).
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const SAMPLE_RATE = 22_050;

/** Each note: when it begins and how long it sounds, in seconds; its pitch in hertz; how loud, 0 to 1. */
const SOUNDS = {
  // Falls, twice: something is down.
  "error-critical": [
    { at: 0, for: 0.16, pitch: 740, loud: 0.8 },
    { at: 0.14, for: 0.22, pitch: 494, loud: 0.8 },
    { at: 0.4, for: 0.16, pitch: 740, loud: 0.8 },
    { at: 0.54, for: 0.3, pitch: 494, loud: 0.8 },
  ],
  "error-warning": [
    { at: 0, for: 0.14, pitch: 587, loud: 0.6 },
    { at: 0.13, for: 0.26, pitch: 494, loud: 0.6 },
  ],
  "error-info": [{ at: 0, for: 0.2, pitch: 660, loud: 0.35 }],
  // Rises: something new.
  "error-notification": [
    { at: 0, for: 0.14, pitch: 523, loud: 0.5 },
    { at: 0.12, for: 0.3, pitch: 784, loud: 0.5 },
  ],
};

export function writeSounds(folder) {
  mkdirSync(folder, { recursive: true });
  for (const [name, notes] of Object.entries(SOUNDS))
    writeFileSync(join(folder, `${name}.wav`), wav(synthesise(notes)));
}

function synthesise(notes) {
  const seconds = Math.max(...notes.map((note) => note.at + note.for));
  const samples = new Float64Array(Math.ceil(seconds * SAMPLE_RATE));
  for (const note of notes) {
    const begin = Math.round(note.at * SAMPLE_RATE);
    const length = Math.round(note.for * SAMPLE_RATE);
    for (let index = 0; index < length && begin + index < samples.length; index++) {
      const time = index / SAMPLE_RATE;
      const phase = 2 * Math.PI * note.pitch * time;
      // An octave above, faintly, so that small speakers have something to play.
      const wave = Math.sin(phase) + 0.25 * Math.sin(2 * phase);
      samples[begin + index] += (note.loud / 1.25) * wave * envelope(time, note.for);
    }
  }
  return samples;
}

/** Up in 8 ms, then down as a struck bar: no click at either end. */
function envelope(time, duration) {
  const attack = Math.min(1, time / 0.008);
  const release = Math.min(1, (duration - time) / 0.03);
  return attack * release * Math.exp((-3 * time) / duration);
}

/** PCM, mono, 16 bits: a header of 44 bytes, then the samples. */
function wav(samples) {
  const data = Buffer.alloc(samples.length * 2);
  samples.forEach((sample, index) => {
    data.writeInt16LE(Math.round(Math.max(-1, Math.min(1, sample)) * 32_767), index * 2);
  });
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + data.length, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(SAMPLE_RATE, 24);
  header.writeUInt32LE(SAMPLE_RATE * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(data.length, 40);
  return Buffer.concat([header, data]);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  writeSounds("dist/web/sounds");
