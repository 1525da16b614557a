import type { View } from "../state/place";

export const VIEW_TITLES: Readonly<Record<View, string>> = {
  overview: "Overview",
  distribution: "Distribution",
  patterns: "Patterns",
  workers: "Workers",
  hardware: "Hardware",
  requests: "Requests",
  journey: "Journey",
  logs: "Logs",
};
