// Every formula of a page: Sphinx writes its LaTeX into an element of the class "math".
document.addEventListener("DOMContentLoaded", () => {
  for (const element of document.querySelectorAll(".math")) {
    katex.render(element.textContent, element, {displayMode: element.tagName === "DIV", throwOnError: false});
  }
});
