// Part of viewer.js: the picture as it goes into a manuscript, on white, its title above, its legend below.

const [INK, TITLE, PLAIN] = ["#1c2733", "600 15px sans-serif", "13px sans-serif"];
const [EDGE, LINE, PATCH, RAMP] = [14, 22, 12, 150];

function onPaper(picture, title, { entries, gradient, low, high }) {
  const paper = document.createElement("canvas");
  const pen = paper.getContext("2d");
  const scale = Math.max(picture.width / 700, 0.5); // words grow with the picture
  const [width, height] = [picture.width / scale, picture.height / scale];
  const heading = flow(title.split(" ").map((word) => words(pen, word, TITLE)), width - 2 * EDGE, 4);
  const parts = entries.map(([colour, text]) => beside(patch(pen, PATCH, [colour]), words(pen, text)));
  if (gradient.length) parts.unshift(beside(words(pen, low), patch(pen, RAMP, gradient), words(pen, high)));
  const below = flow(parts, width - 2 * EDGE, 18);
  const top = 2 * EDGE + heading.length * LINE;
  paper.width = picture.width;
  paper.height = scale * (top + height + 2 * EDGE + below.length * LINE);
  pen.scale(scale, scale);
  pen.textBaseline = "middle";
  pen.fillStyle = "white";
  pen.fillRect(0, 0, width, paper.height);
  pen.drawImage(picture, 0, top, width, height);
  for (const [rows, y] of [[heading, EDGE], [below, top + height + EDGE]]) {
    rows.forEach((row, i) => row.forEach(({ part, x }) => part.draw(EDGE + x, y + (i + 0.5) * LINE)));
  }
  return paper;
}

function flow(parts, width, gap) {
  const rows = [[]];
  let x = 0;
  for (const part of parts) {
    if (x && x + part.width > width) {
      rows.push([]);
      x = 0;
    }
    rows.at(-1).push({ part, x });
    x += part.width + gap;
  }
  return rows;
}

function words(pen, text, font = PLAIN) {
  pen.font = font;
  return { width: pen.measureText(text).width, draw: (x, y) => {
    [pen.font, pen.fillStyle] = [font, INK];
    pen.fillText(text, x, y);
  } };
}

function patch(pen, width, colours) {
  return { width, draw: (x, y) => {
    pen.fillStyle = pen.createLinearGradient(x, 0, x + width, 0);
    colours.forEach((colour, i) => pen.fillStyle.addColorStop(i / Math.max(colours.length - 1, 1), colour));
    pen.fillRect(x, y - PATCH / 2, width, PATCH);
  } };
}

function beside(...parts) {
  const width = parts.reduce((sum, part) => sum + part.width, 6 * (parts.length - 1));
  return { width, draw: (x, y) => {
    for (const part of parts) {
      part.draw(x, y);
      x += part.width + 6;
    }
  } };
}
