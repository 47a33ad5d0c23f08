// A video as a film strip: which frame is shown, and how to move to another.

export const SPEEDS = [0.25, 0.5, 1, 2, 4];

// `shown(t)` is told of every frame, `changed()` when it starts, stops or settles somewhere.
export class Film {
  constructor(video, fps, frames, { shown, changed }) {
    Object.assign(this, { video, fps, last: frames - 1, shown, changed, t: 0, wanted: null });
    this.stopped = false;
    video.addEventListener("seeked", () => this.#arrived());
    for (const name of ["play", "pause", "ratechange"]) {
      video.addEventListener(name, () => this.changed());
    }
    video.addEventListener("pause", () => {
      // The clock may be a frame ahead of the picture: it goes to the frame that was told.
      if (!this.stopped) this.seek(video.ended ? this.last : this.t);
    });
    if (video.requestVideoFrameCallback) this.#await();
    else video.addEventListener("timeupdate", () => this.#present(video.currentTime - 0.5 / fps));
  }

  get playing() {
    return !this.video.paused && !this.video.ended;
  }

  #await() {
    this.video.requestVideoFrameCallback((_, { mediaTime }) => {
      if (this.stopped) return;
      this.#await();
      // The callback of the frame before a seek may come after the seek, and that of the frame
      // after it not at all: a video that stands tells its frame by its time.
      if (this.video.paused) this.#settle();
      else this.#present(mediaTime);
    });
  }

  #settle() {
    if (this.stopped || !this.video.paused || this.video.seeking) return;
    this.#present(this.video.currentTime - 0.5 / this.fps);
  }

  #present(seconds) {
    const t = Math.min(this.last, Math.max(0, Math.round(seconds * this.fps)));
    this.video.dataset.frame = t;
    if (this.wanted === null && t !== this.t) this.#tell(t);
  }

  #tell(t) {
    this.t = t;
    this.shown(t);
  }

  // While one seek is under way, only the newest of the others is kept.
  seek(t) {
    this.wanted = Math.min(this.last, Math.max(0, Math.round(t)));
    this.#tell(this.wanted);
    if (!this.video.seeking) this.#go();
  }

  #go() {
    this.video.currentTime = (this.wanted + 0.5) / this.fps; // the middle of the frame
  }

  #arrived() {
    if (this.wanted === null) return;
    const away = Math.abs(this.video.currentTime - (this.wanted + 0.5) / this.fps);
    if (away > 0.25 / this.fps) this.#go();
    else {
      this.wanted = null;
      this.changed();
      requestAnimationFrame(() => this.#settle()); // once it is on the screen
    }
  }

  step(by) {
    this.video.pause();
    this.seek(this.t + by);
  }

  toggle() {
    if (this.playing) this.video.pause();
    else {
      if (this.t >= this.last) this.seek(0);
      this.video.play().catch(() => this.changed());
    }
  }

  faster(by) {
    const now = SPEEDS.indexOf(this.video.playbackRate);
    this.speed(SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, now + by))]);
  }

  speed(rate) {
    this.video.playbackRate = rate;
  }

  stop() {
    this.stopped = true;
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load();
  }
}
