import { redactSecrets } from "@mailfold/events";
import type { RecordedEvent } from "@mailfold/kernel";

const summaryCharsMax = 16_384;

/** JSON of an event's data as the trail may show it: without secrets, and not endless. */
export function summaryOf(event: RecordedEvent): string {
  const { data } = redactSecrets(event);
  const text = JSON.stringify(data ?? null);
  if (text.length <= summaryCharsMax) return text;
  // The event itself has it all; the trail must stay light.
  return JSON.stringify({ tooLongForSummary: true, members: Object.keys(data as object).slice(0, 50) });
}
