// A click, or Enter, on a cell enlarges it; on a statement with a map shows that on the cell. `element` holds the cards.
for (const kind of ["click", "keydown"]) {
  element.addEventListener(kind, (event) => {
    if (kind === "keydown" && event.key !== "Enter") return;
    if (event.target.matches(".cell > img")) event.target.classList.toggle("large");
    const mark = event.target.closest("mark[data-map]");
    if (!mark) return;
    const card = mark.closest(".card");
    card.querySelector("img.map").src = mark.dataset.map;
    card.querySelector(".mapped").textContent = mark.dataset.name;
    for (const other of card.querySelectorAll("mark[data-map]")) other.setAttribute("aria-pressed", other === mark);
  });
}
