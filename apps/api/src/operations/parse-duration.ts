const unitsMs: readonly (readonly [unit: RegExp, ms: number])[] = [
  [/(\d{1,4})W/, 7 * 86_400_000],
  [/(\d{1,4})D/, 86_400_000],
  [/T.*?(\d{1,4})H/, 3_600_000],
  [/T.*?(\d{1,4})M/, 60_000],
];

/** Milliseconds of an ISO 8601 duration of weeks, days, hours and minutes (`P14D`, `PT12H`, `P1DT6H`); undefined for any other text. */
export function parseDuration(text: string): number | undefined {
  if (!/^P(?=.)(\d{1,4}W)?(\d{1,4}D)?(T(?=.)(\d{1,4}H)?(\d{1,4}M)?)?$/.test(text)) return undefined;
  return unitsMs.reduce((sum, [unit, ms]) => sum + Number(unit.exec(text)?.[1] ?? 0) * ms, 0);
}
