/// The appearance of the report, in light and dark mode, on small screens and paper.
enum ReportStyle {
    /// The style sheet, as CSS.
    static let css = """
        :root {
          --paper: #fff; --card: #f4f6f8; --ink: #1b232c; --quiet: #55616e; --line: #d5dbe1;
          --link: #0b5cad; --full: #7a3e9d; --incremental: #2f7fbf;
          --zero: #eef1f4; --unchanged: #8493a5; --delta: #b87a00; --stored: #941b12;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --paper: #14191f; --card: #1e252d; --ink: #e7ecf1; --quiet: #a3b0bd; --line: #37424e;
            --link: #7cb8f2; --full: #c79be0; --incremental: #5aa9e6;
            --zero: #222a33; --unchanged: #4f6174; --delta: #e9ab38; --stored: #f2776e;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0 auto; max-width: 72rem; padding: 1rem; background: var(--paper);
          color: var(--ink); font: 1rem/1.5 system-ui, sans-serif;
        }
        h1 { font-size: 1.6rem; margin: .5rem 0 0; }
        h2 { font-size: 1.3rem; margin: 2.2rem 0 .5rem; overflow-wrap: anywhere; }
        h3 { font-size: 1.05rem; margin: 1.5rem 0 .3rem; overflow-wrap: anywhere; }
        header p, footer p, .note, .ends, .mark, .cards span { color: var(--quiet); }
        footer { margin-top: 3rem; border-top: 1px solid var(--line); font-size: .9rem; }
        code { overflow-wrap: anywhere; }
        a { color: var(--link); }
        :focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
        .cards {
          display: grid; gap: .75rem; margin: 0;
          grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr));
        }
        .cards div { background: var(--card); border-radius: .5rem; padding: .7rem .9rem; }
        .cards dt { color: var(--quiet); font-size: .9rem; }
        .cards dd { margin: 0; }
        .cards strong { display: block; font-size: 1.4rem; font-variant-numeric: tabular-nums; }
        .cards span { font-size: .85rem; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
        th, td {
          border-bottom: 1px solid var(--line); padding: .3rem 1.5rem .3rem 0; text-align: left;
          white-space: nowrap;
        }
        th.n, td.n { text-align: right; }
        th:last-child, td:last-child { padding-right: 0; }
        details td:last-child { white-space: normal; min-width: 8rem; }
        figure { margin: .75rem 0; }
        figcaption { font-size: .9rem; margin-bottom: .35rem; }
        .pair {
          display: grid; gap: 1rem 2rem;
          grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr));
        }
        .plot { position: relative; height: 11rem; border-bottom: 1px solid var(--ink); }
        .plot svg { position: absolute; inset: 0; width: 100%; height: 100%; }
        .mark { position: absolute; left: 0; right: 0; border-top: 1px dashed var(--line); }
        .mark span {
          position: absolute; right: 0; bottom: 0; font-size: .75rem;
          text-shadow: 0 0 2px var(--paper), 0 0 2px var(--paper), 0 0 2px var(--paper);
        }
        .ends { display: flex; justify-content: space-between; font-size: .75rem; }
        .deleted { fill: var(--line); background: var(--line); }
        .disk { fill: var(--unchanged); background: var(--unchanged); }
        .full {
          fill: var(--full); background: var(--full); stroke: var(--ink); stroke-width: 2;
          vector-effect: non-scaling-stroke;
        }
        .incremental { fill: var(--incremental); background: var(--incremental); }
        .cells { background: var(--paper); border: 1px solid var(--line); }
        .cells svg { display: block; width: 100%; height: auto; }
        .legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; }
        .legend li { font-size: .9rem; }
        .swatch {
          display: inline-block; width: .9rem; height: .9rem; margin-right: .4rem;
          border: 1px solid var(--line); vertical-align: -.1rem;
        }
        .zero { fill: var(--zero); background: var(--zero); }
        .unchanged { fill: var(--unchanged); background: var(--unchanged); }
        .delta { fill: var(--delta); background: var(--delta); }
        .stored { fill: var(--stored); background: var(--stored); }
        .s1 { fill-opacity: .65; } .s2 { fill-opacity: .85; }
        summary { cursor: pointer; padding: .4rem 0; }
        @media print { .scroll { overflow: visible; } }

        """
}
