// A field that keeps the errors whose message resembles what is pasted; numbers do not count.
const words = (text) => text.toLowerCase().match(/[a-z_]{3,}/g) ?? [];

document.addEventListener("DOMContentLoaded", () => {
  const page = document.querySelector("article section");
  const errors = [...page.querySelectorAll(":scope > section")];
  const field = Object.assign(document.createElement("input"), {
    id: "filter", type: "search", placeholder: "Paste a message",
  });
  field.setAttribute("aria-label", "Paste an error's message");
  errors[0].before(field);
  field.addEventListener("input", () => {
    const asked = words(field.value);
    for (const error of errors) {
      const message = [...error.querySelectorAll("h2, .highlight-text")];
      const said = new Set(message.flatMap((part) => words(part.textContent)));
      const shared = asked.filter((word) => said.has(word)).length;
      error.hidden = shared < 0.6 * asked.length;
    }
  });
});
