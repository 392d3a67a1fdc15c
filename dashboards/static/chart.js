// Values against the plan's limits: one chart a measurement, the zones as bands, invalid readings struck through.
// The figures stand in the page itself (data-series), the same that its table shows; without uPlot the table opens instead.

import { t } from "./words.js";

const HEIGHT = 210;
const drawn = new Map(); // figure → how its chart is taken away again

export function drawCharts(page) {
  for (const [figure, takeAway] of drawn) {
    if (figure.isConnected) continue;
    takeAway();
    drawn.delete(figure);
  }
  for (const figure of page.querySelectorAll("figure[data-series]")) {
    if (drawn.has(figure)) continue;
    if (window.uPlot) drawn.set(figure, draw(figure));
    else figure.querySelector("details").open = true;
  }
}

// The colours are those of the theme in which a chart was drawn.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const [figure, takeAway] of drawn) {
    takeAway();
    drawn.set(figure, draw(figure));
  }
});

function draw(figure) {
  const place = figure.querySelector("[data-chart]");
  const series = JSON.parse(figure.dataset.series);
  const reading = figure.querySelector("[data-reading]");
  const colours = resolve(["ink", "ink-soft", "line", "accent", "surface", "red", "red-wash", "red-solid", "yellow", "yellow-wash", "yellow-solid", "green-wash"]);
  const fine = coarseness(series);
  const options = {
    width: place.clientWidth,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false }, points: { size: 9 } },
    scales: { x: { time: true, range: (_, low, high) => (low === series.from || low == null ? [series.from, series.until] : [low, high]) }, y: { range: [fine.low, fine.high] } },
    axes: [axis(colours, 40, { values: dates(series) }), axis(colours, 48, { values: (_, ticks) => ticks.map((tick) => number(tick, series)) })],
    series: [{}, line(colours, series), { show: true, stroke: "transparent", points: { show: false }, paths: () => null }],
    hooks: {
      drawClear: [(chart) => bands(chart, series, colours)],
      draw: [(chart) => strike(chart, series, colours)],
      setCursor: [(chart) => say(chart, series, reading)],
    },
  };
  const chart = new window.uPlot(options, [series.times, series.values, series.invalid], place);
  const watch = new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: HEIGHT }));
  watch.observe(place);
  return () => {
    watch.disconnect();
    chart.destroy();
  };
}

function axis(colours, size, more) {
  const thin = { stroke: colours.line, width: 1 };
  return { stroke: colours["ink-soft"], font: "12px system-ui, sans-serif", size, grid: thin, ticks: { ...thin, size: 4 }, ...more };
}

function line(colours, series) {
  const crowded = series.times.length > 200;
  return { stroke: colours.accent, width: crowded ? 1.25 : 1.75, spanGaps: false, points: { show: !crowded, size: 6, fill: colours.surface, stroke: colours.accent } };
}

// Room for every value and for the limits next to them, so that the distance to a limit can be seen.
function coarseness({ values, invalid, bands: zones }) {
  const limits = zones.flatMap((zone) => [zone.from, zone.to]).filter((limit) => limit !== null);
  const all = [...values, ...invalid].filter((value) => value !== null).concat(limits);
  const low = Math.min(...all);
  const high = Math.max(...all);
  const room = (high - low || Math.abs(high) || 1) * 0.12;
  return { low: low - room, high: high + room };
}

function bands(chart, series, colours) {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const at = (value, otherwise) => (value === null ? otherwise : chart.valToPos(value, "y", true));
  for (const zone of series.bands) {
    const top = at(zone.to, bbox.top);
    const bottom = at(zone.from, bbox.top + bbox.height);
    ctx.fillStyle = colours[`${zone.zone}-wash`];
    ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
  }
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = "left";
  for (const { value, zone, words, below } of series.limits) {
    const y = at(value, 0);
    ctx.strokeStyle = colours[`${zone}-solid`];
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash(zone === "red" ? [] : [5 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.fillStyle = colours[zone];
    ctx.textBaseline = below ? "top" : "bottom";
    ctx.fillText(words, bbox.left + 6 * devicePixelRatio, y + (below ? 3 : -3) * devicePixelRatio);
  }
  ctx.restore();
}

function strike(chart, series, colours) {
  const { ctx } = chart;
  const arm = 5 * devicePixelRatio;
  ctx.save();
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.strokeStyle = colours["ink-soft"];
  series.invalid.forEach((value, i) => {
    if (value === null || series.times[i] < chart.scales.x.min || series.times[i] > chart.scales.x.max) return;
    const x = chart.valToPos(series.times[i], "x", true);
    const y = chart.valToPos(value, "y", true);
    ctx.beginPath();
    ctx.arc(x, y, arm * 0.75, 0, 2 * Math.PI);
    ctx.moveTo(x - arm * 1.5, y + arm);
    ctx.lineTo(x + arm * 1.5, y - arm);
    ctx.stroke();
  });
  ctx.restore();
}

function say(chart, series, reading) {
  const i = chart.cursor.idx;
  if (i == null) {
    reading.textContent = reading.dataset.rest;
    return;
  }
  const value = series.values[i] ?? series.invalid[i];
  const when = clock(series).full.format(series.times[i] * 1000);
  const words = value === null ? "–" : `${number(value, series)} ${series.unit}`;
  reading.textContent = t(series.invalid[i] === null ? "chart.reading" : "chart.reading_invalid", { when, value: words });
}

function number(value, { decimals }) {
  return value.toLocaleString(document.documentElement.lang, { minimumFractionDigits: decimals, maximumFractionDigits: Math.max(decimals, 1) });
}

function clock({ zone }) {
  const language = document.documentElement.lang;
  return {
    day: new Intl.DateTimeFormat(language, { timeZone: zone, day: "numeric", month: "short" }),
    time: new Intl.DateTimeFormat(language, { timeZone: zone, hour: "2-digit", minute: "2-digit" }),
    full: new Intl.DateTimeFormat(language, { timeZone: zone, weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }),
  };
}

function dates(series) {
  const { day, time } = clock(series);
  return (_, ticks) => ticks.map((tick, i) => ((ticks[1] - ticks[0] || 86400) < 86400 && i > 0 ? time : day).format(tick * 1000));
}

// A canvas needs real colours: custom properties are resolved for the theme in force.
function resolve(names) {
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const found = Object.fromEntries(names.map((name) => {
    probe.className = `tint-${name}`;
    return [name, getComputedStyle(probe).color];
  }));
  probe.remove();
  return found;
}
