/** The timeline's style sheet: light and dark, patterns in addition to colours, no external resources. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#ffffff, #14171c);
  --text: light-dark(#1b1f24, #e6e9ee);
  --muted: light-dark(#57606a, #9aa4b2);
  --grid: light-dark(#e3e6ea, #2a3038);
  --lane: light-dark(#f6f8fa, #1a1e25);
  --queued: light-dark(#d99a1c, #d9a441);
  --starting: light-dark(#3d8fd1, #4c9be0);
  --busy: light-dark(#1f7a45, #2f9e5f);
  --waiting: light-dark(#9a4fbf, #b678d6);
  --stopping: light-dark(#8a939e, #6c7683);
  --good: light-dark(#1a6b3c, #5fca8e);
  --bad: light-dark(#b3261e, #ff8a80);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.45 system-ui, sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 28px 20px 48px; }
h1 { font-size: 26px; margin: 0 0 2px; letter-spacing: -0.01em; }
.product { margin: 0; font-weight: 600; color: var(--muted); }
.faults { list-style: none; margin: 4px 0 18px; padding: 0; }
.remark { grid-column: 2; font-size: 12px; color: var(--bad); }
h2 { font-size: 17px; margin: 22px 0 0; }
h3 { font-size: 13px; margin: 10px 0 4px; color: var(--muted); font-weight: 600; }
.lead { margin: 0 0 18px; color: var(--muted); }
.aside { margin: 4px 0 0; font-size: 13px; color: var(--muted); }
.good { color: var(--good); }
.bad { color: var(--bad); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(250px, 1fr)); gap: 10px; margin: 0 0 18px; }
.facts div { background: var(--lane); border-radius: 8px; padding: 8px 12px; }
.facts dt { font-size: 12px; color: var(--muted); }
.facts dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
.legend { display: flex; flex-wrap: wrap; gap: 6px 20px; list-style: none; padding: 0; margin: 0 0 10px; font-size: 13px; }
.legend li { display: flex; align-items: center; gap: 7px; }
.swatch { width: 24px; height: 12px; border-radius: 3px; flex: none; }
.chart { overflow-x: auto; }
.chart:focus-visible, .scroll:focus-visible { outline: 2px solid var(--starting); outline-offset: 4px; }
.lanes { list-style: none; margin: 0; padding: 0; }
.lane { display: grid; grid-template-columns: 270px minmax(420px, 1fr); align-items: center; gap: 12px; padding: 1px 0; }
.lane:hover .label, .lane:hover .track { background-color: var(--lane); }
.label { display: flex; gap: 0.4em; font-size: 13px; white-space: nowrap; overflow: hidden; border-radius: 4px; }
/* Shorten a long name, but never the result after it. */
.label strong, .label span { min-width: 3em; overflow: hidden; text-overflow: ellipsis; }
.label code, .label small, .label .title { flex: none; }
.label small { font-size: 12px; color: var(--muted); }
.label small.good { color: var(--good); }
.label small.bad { color: var(--bad); }
.track { position: relative; height: 22px; border-radius: 4px; }
.scale { color: var(--muted); font-size: 12px; font-variant-numeric: tabular-nums; }
.ticks { position: relative; height: 20px; }
.ticks span { position: absolute; white-space: nowrap; padding-left: 3px; border-left: 1px solid var(--grid); }
.ticks .before { transform: translateX(-100%); padding: 0 3px 0 0; border-left: 0; border-right: 1px solid var(--grid); }
.part { position: absolute; top: 3px; height: 16px; border-radius: 3px; font-size: 11px; line-height: 16px; text-align: center; color: #ffffff; overflow: hidden; }
.part:hover { outline: 2px solid var(--text); z-index: 1; }
.pending { background: repeating-linear-gradient(90deg, var(--muted) 0 2px, transparent 2px 6px) center / 100% 2px no-repeat; }
.queued { background: repeating-linear-gradient(135deg, var(--queued) 0 4px, color-mix(in srgb, var(--queued) 45%, var(--ground)) 4px 8px); }
.starting { background: color-mix(in srgb, var(--starting) 45%, var(--ground)); border: 1px solid var(--starting); }
.busy { background: var(--busy); }
.awake { background: var(--busy); }
.asleep { background: repeating-linear-gradient(90deg, var(--muted) 0 2px, transparent 2px 6px) center / 100% 2px no-repeat; color: transparent; }
.part.starting, .part.stopping { color: var(--text); }
.absent { background: none; }
.lost { background: repeating-linear-gradient(45deg, var(--bad) 0 3px, color-mix(in srgb, var(--bad) 35%, var(--ground)) 3px 6px); }
.waiting { background: repeating-linear-gradient(90deg, var(--waiting) 0 6px, transparent 6px 10px) center / 100% 4px no-repeat; }
.stopping { background: color-mix(in srgb, var(--stopping) 30%, var(--ground)); border: 1px dashed var(--stopping); }
details { margin-top: 26px; }
summary { cursor: pointer; font-weight: 600; }
.scroll { overflow-x: auto; margin-top: 10px; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 4px 14px 4px 0; border-bottom: 1px solid var(--grid); white-space: nowrap; }
@media (max-width: 760px) {
  .lane { grid-template-columns: 1fr; gap: 0; }
  .scale > div:first-child { display: none; }
  .label { padding-top: 4px; }
  .part { font-size: 0; }
}
@media (prefers-reduced-motion: no-preference) { .part { transition: outline-color 0.1s; } }
`;
