// How an agent plays against a person: its strength, and how its games are varied.
import { whole } from "../page/words.js";

const VARIED_PLIES = 6; // in which it does not always make its best move

// From a beginner to the best there is: earlier checkpoints, and fewer positions looked at.
export function levels(checkpoints) {
  const last = checkpoints.at(-1);
  const count = (step) => `${whole(step)} moves of practice`;
  const looks = (simulations) => `looks at ${simulations} positions before each move`;
  const early = [
    ["Beginner", checkpoints[0], 10, "has only just begun to learn"],
    ["Casual", checkpoints[Math.floor(checkpoints.length / 4)], 10, "is a quarter through"],
  ];
  const late = [
    ["Skilled", last, 10, "is fully trained"],
    ["Strong", last, 100, "is fully trained"],
    ["Strongest", last, 400, "is fully trained"],
  ];
  const shown = checkpoints.length > 1 ? early : [["Casual", last, 1, "plays by instinct"]];
  return [...shown, ...late].map(([name, step, simulations, what]) => ({
    name,
    step,
    simulations,
    words: `${what} (${count(step)}), and ${looks(simulations)}.`,
  }));
}

// Numbers from 0 to 1 that a seed decides (mulberry32).
export function draw(seed) {
  let t = (seed + 0x6d2b79f5) | 0;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

// The best move; early on, one drawn in proportion to its visits, so that games differ.
export function chosen(thought, seed, ply) {
  if (ply >= VARIED_PLIES || thought.proven !== null) return thought.best;
  let left = draw(seed + 1000 * ply) * thought.visits.reduce((sum, move) => sum + move.policy, 0);
  for (const { action, policy } of thought.visits) {
    left -= policy;
    if (left < 0) return action;
  }
  return thought.best;
}
