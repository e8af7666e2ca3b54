// A field that keeps the errors whose message resembles what is pasted; numbers do not count, nor do
// names in quotes.
const words = (text) =>
  text.replace(/(?<!\w)'[^']*'(?!\w)/g, "").toLowerCase().match(/[a-z_]{3,}/g) ?? [];

document.addEventListener("DOMContentLoaded", () => {
  const page = document.querySelector("article section");
  const errors = [...page.querySelectorAll(":scope > section")];
  const field = Object.assign(document.createElement("input"), {
    id: "filter", type: "search", placeholder: "Paste a message",
  });
  field.setAttribute("aria-label", "Paste an error's message");
  const none = Object.assign(document.createElement("p"), { id: "none", hidden: true });
  none.setAttribute("role", "status");
  const link = Object.assign(document.createElement("a"), { textContent: "Search all pages" });
  none.append("None of these errors resembles it. ", link, ".");
  errors[0].before(field, none);
  field.addEventListener("input", () => {
    const asked = words(field.value);
    for (const error of errors) {
      const message = [...error.querySelectorAll("h2, .highlight-text")];
      const said = new Set(message.flatMap((part) => words(part.textContent)));
      const shared = asked.filter((word) => said.has(word)).length;
      error.hidden = shared < 0.6 * asked.length;
    }
    link.href = `search.html?q=${encodeURIComponent(field.value)}`;
    none.hidden = errors.some((error) => !error.hidden);
  });
});
