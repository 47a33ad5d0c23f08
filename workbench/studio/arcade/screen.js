// One side of a game being played: its screen and its score.
import { element } from "../page/dom.js";
import { counted, short } from "../page/words.js";

export function scoreText(number) {
  return short(Math.abs(number) < 1000 ? +number.toFixed(2) : number);
}

// One side's screen with its score.
export class Screen {
  constructor(name, label) {
    this.canvas = element("canvas", { role: "img", "aria-label": label, width: 4, height: 3 });
    this.score = element("span", { class: "a-score numbers" }, "0");
    this.about = element("span", { class: "muted a-about" });
    this.name = name;
    this.figure = element("section", { class: "panel arcade-side", "aria-label": name },
      element("div", { class: "arcade-title" }, element("h2", {}, name), this.about, this.score),
      element("div", { class: "arcade-frame" }, this.canvas));
  }

  async draw(bytes, facts, side) {
    if (bytes.length) {
      const picture = await createImageBitmap(new Blob([bytes], { type: facts.media_type }));
      const { canvas } = this;
      if (canvas.width !== picture.width || canvas.height !== picture.height) {
        [canvas.width, canvas.height] = [picture.width, picture.height];
        // Atari's pixels are wide: a television shows 160 x 210 of them as 4:3.
        const ratio = facts.kind === "atari" ? 4 / 3 : picture.width / picture.height;
        canvas.style.aspectRatio = ratio;
        canvas.style.setProperty("--ratio", ratio);
      }
      canvas.getContext("2d").drawImage(picture, 0, 0);
      picture.close();
    }
    this.score.replaceChildren(scoreText(side.score));
    const told = [
      side.over ? "over" : null,
      side.lives === null ? null : counted(side.lives, "life", "lives"),
      counted(side.steps, "step"),
    ];
    this.about.replaceChildren(told.filter((part) => part !== null).join(" · "));
    this.figure.classList.toggle("a-over", side.over);
    this.figure.dataset.action = side.action === null ? "" : facts.actions[side.action];
  }
}
