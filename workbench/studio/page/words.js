// Names of games, agents and runs, and formats of numbers and times, the same on every page.

const AGENTS = { dqn: "DQN", ppo: "PPO", r2d2: "R2D2", alphazero: "AlphaZero" };

export const agentName = (agent) => AGENTS[agent] ?? agent ?? "–";

// "connect_four" -> "Connect four", "go(board_size=9)" -> "Go 9×9",
// "minigrid/MiniGrid-DoorKey-6x6-v0" -> "DoorKey 6×6".
export function gameName(game) {
  if (!game) return "unknown game";
  const [, side] = /board_size=(\d+)/.exec(game) ?? [];
  const name = game
    .replace(/\(.*/, "")
    .replace(/^.*\//, "")
    .replace(/^(MiniGrid|BabyAI|Vizdoom)-?|-v\d+$/g, "")
    .replace(/(\d)x(\d)/g, "$1×$2")
    .replace(/[_-]+/g, " ");
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}${side ? ` ${side}×${side}` : ""}`;
}

// "zoo:connect-four" -> "connect-four": a run is called by its folder, and its id tells the others.
export const runName = (id) => id.split(":").at(-1);

export const idWords = (id) => id.replaceAll(":", " / ");

// A sign that is as wide as a plus.
export const minus = (text) => text.replace(/^-/, "−");

// 1234567 -> "1.23M"; for labels where space is short.
export function short(number) {
  if (number === null || number === undefined || !Number.isFinite(number)) return "–";
  const size = Math.abs(number);
  if (size >= 1e6) return minus(`${+(number / 1e6).toPrecision(3)}M`);
  if (size >= 1e4) return minus(`${+(number / 1e3).toPrecision(3)}k`);
  if (size >= 1e3 || Number.isInteger(number)) return minus(whole(Math.round(number)));
  return minus(`${+number.toPrecision(size >= 100 ? 4 : 3)}`);
}

export const fixed = (number, digits) => minus(number.toFixed(digits));

// With its sign, which what is rounded to zero has not.
export function signed(number, digits = 0) {
  const text = Math.abs(number).toFixed(digits);
  const sign = Number(text) === 0 ? "" : number < 0 ? "−" : "+";
  return sign + Number(text).toLocaleString("en", { minimumFractionDigits: digits });
}

export const percent = (share, digits = 0) => `${fixed(100 * share, digits)}%`;

export const whole = (number) => number.toLocaleString("en");

// "1 game", "3,120 games".
export function counted(count, one, many = `${one}s`) {
  return `${whole(count)} ${count === 1 ? one : many}`;
}

export function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${+(seconds / 3600).toPrecision(2)} h`;
}

// The step and the episode that the name of a recording tells: `STEP_SEED` or `STEP_SEED_ENV`.
export function recording(name) {
  const [step, seed, env] = name.split("_");
  return { step, steps: whole(Number(step)), episode: env ? `${seed}, world ${env}` : seed };
}

// "27 Nov 2026, 19:41", of a time in seconds or as text.
export function when(time) {
  const date = new Date(typeof time === "number" ? time * 1000 : time);
  if (Number.isNaN(date.getTime())) return String(time);
  return date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}
