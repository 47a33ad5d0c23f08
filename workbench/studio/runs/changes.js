// A run's notes, display name and deletion: what a page may change, where that is allowed.
import { address } from "../page/address.js";
import { element, failure, get, post } from "../page/dom.js";

const MOST_NOTES = 20_000; // characters

// `runNow()`: what the studio tells of the run; `left()` is called before its address is left, and
// `noted(text)` when its notes were changed.
export async function changesPanel(runNow, { left, noted }) {
  const run = runNow();
  const { on, why } = await get("changes/").catch(() => ({ on: false, why: null }));
  const trouble = element("div", { class: "trouble" });
  const show = (error) => trouble.replaceChildren(...(error ? [failure(error)] : []));
  const ask = (what, told) => post(`changes/${encodeURIComponent(run.id)}/${what}`, told);
  const notes = notesOf(run, on, ask, { noted, show });
  const training = () => runNow().status === "running";
  const busy = () => show(new Error("it is being trained now; stop the training first"));
  const button = (words, open) =>
    element(
      "button",
      { type: "button", onclick: () => (training() ? busy() : (show(null), open())) },
      words,
    );
  const naming = renameDialog(run, ask, left);
  const ending = deleteDialog(run, ask, left);
  const panel = element(
    "section",
    { class: "panel changes", "aria-labelledby": "notes-title" },
    element("h2", { id: "notes-title" }, "Notes"),
    notes.box,
    trouble,
    on
      ? element(
          "div",
          { class: "row" },
          notes.button,
          button("Rename…", () => naming.open()),
          button("Delete…", () => ending.open()),
        )
      : element("p", { class: "muted t-small" }, `Notes, names and runs can be changed after: ${why}.`),
    naming.dialog,
    ending.dialog,
  );
  const renew = (text) => {
    panel.hidden = !on && !text;
    notes.renew(text);
  };
  renew(run.notes);
  return { panel, renew };
}

function notesOf(run, on, ask, { noted, show }) {
  let was = run.notes;
  const told = element("p", { class: "notes", tabindex: 0, role: "region", "aria-label": "What was noted" });
  const field = element("textarea", { rows: 6, maxlength: MOST_NOTES, "aria-label": "Notes about this run" });
  const saved = element("span", { class: "muted", role: "status" });
  const button = element("button", { type: "button", onclick: () => save() }, "Save notes");
  field.addEventListener("input", () => paint());
  const paint = () => {
    button.disabled = field.value.trimEnd() === was.trimEnd();
    if (!button.disabled) saved.textContent = "";
  };
  // What others have noted meanwhile is shown, but what is being written here stays.
  const renew = (text) => {
    if (text === was) return;
    if (button.disabled) {
      was = text;
      field.value = text;
    }
    told.textContent = text;
    paint();
  };
  async function save() {
    button.disabled = true;
    show(null);
    try {
      const { notes } = await ask("notes", { text: field.value, was });
      was = notes;
      saved.textContent = "saved";
      noted(notes);
    } catch (error) {
      show(error);
    }
    paint();
  }
  field.value = was;
  told.textContent = was;
  paint();
  return { box: on ? element("div", {}, field, saved) : told, button: on ? button : null, renew };
}

// A dialog with a form; `act()` returns a promise, and what it throws is told in the dialog.
function dialogOf(title, content, doing, act, { danger = false } = {}) {
  const problem = element("div");
  const sure = element("button", { type: "submit", class: danger ? "danger" : "primary" }, doing);
  const cancel = element("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const form = element(
    "form",
    { method: "dialog" },
    element("h2", { id: `${doing.toLowerCase()}-title` }, title),
    content,
    problem,
    element("div", { class: "row" }, sure, cancel),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault(); // it closes once that is done
    sure.disabled = true;
    problem.replaceChildren();
    try {
      await act();
      dialog.close();
    } catch (error) {
      problem.replaceChildren(failure(error));
    }
    sure.disabled = false;
  });
  const dialog = element("dialog", { "aria-labelledby": `${doing.toLowerCase()}-title` }, form);
  const open = () => {
    problem.replaceChildren();
    dialog.showModal();
  };
  return { dialog, open, cancel };
}

function renameDialog(run, ask, left) {
  const name = element("input", {
    value: run.name,
    maxlength: 100,
    autocomplete: "off",
    spellcheck: "false",
    "aria-label": "New name",
  });
  const hint = "Letters, digits and . _ + -; what mentions the run by its old name, such as a tournament, keeps that.";
  const content = element("div", { class: "asked" }, name, element("p", { class: "muted" }, hint));
  const made = dialogOf(`Rename ${run.name}`, content, "Rename", async () => {
    const { id } = await ask("rename", { name: name.value.trim() });
    left();
    location.replace(address("run", id));
  });
  const open = () => {
    made.open();
    name.select();
  };
  return { dialog: made.dialog, open };
}

function deleteDialog(run, ask, left) {
  const content = element(
    "p",
    {},
    "Its checkpoints, videos, curves and notes are deleted for good. This cannot be undone.",
  );
  const made = dialogOf(`Delete ${run.name}?`, content, "Delete", async () => {
    await ask("delete", { name: run.name });
    left();
    location.replace("#/");
  }, { danger: true });
  const open = () => {
    made.open();
    made.cancel.focus(); // so that Enter alone deletes nothing
  };
  return { dialog: made.dialog, open };
}
