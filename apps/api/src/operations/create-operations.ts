export type Operations = Record<string, never>;
