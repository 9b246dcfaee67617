//! Plots as SVG: small, the same for the same numbers, readable on light and on dark ground.

/// A mark on an axis: where, and what it says.
type Tick = (f64, String);

/// The line of one name through its points.
pub struct Line {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

/// The span of one name: from, middle, to.
pub struct Span {
    pub name: String,
    pub at: Option<[f64; 3]>,
}

/// One axis of powers of ten, or of equal steps.
struct Axis {
    logarithmic: bool,
    from: f64,
    to: f64,
    /// Where it begins and ends in the picture.
    pixels: (f64, f64),
}

impl Axis {
    /// Whole powers of ten around all values.
    fn powers(values: impl Iterator<Item = f64> + Clone, pixels: (f64, f64)) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min).max(1e-3);
        let most = values.fold(least, f64::max);
        let (from, to) = (least.log10().floor(), most.log10().ceil());
        Self { logarithmic: true, from, to: to.max(from + 1.0), pixels }
    }

    fn place(&self, value: f64) -> f64 {
        let value = if self.logarithmic { value.max(1e-9).log10() } else { value };
        let part = ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        self.pixels.0 + part * (self.pixels.1 - self.pixels.0)
    }

    fn ticks(&self, words: impl Fn(f64) -> String) -> Vec<Tick> {
        let powers = (self.to - self.from) as i32;
        let value = |power| 10f64.powi(self.from as i32 + power);
        (0..=powers).map(|power| (value(power), words(value(power)))).collect()
    }
}

const WIDTH: f64 = 760.0;
const ROW: f64 = 26.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 36.0;

const STYLE: &str = "text{fill:#1f2328;font:13px system-ui,sans-serif}.g{stroke:#d1d9e0}.l{fill:none;stroke-width:2}\
    .c0{stroke:#0969da}.c1{stroke:#bc4c00}.d0{fill:#0969da}.d1{fill:#bc4c00}.s{stroke-width:3;stroke-linecap:round}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.g{stroke:#3d444d}.c0{stroke:#58a6ff}.c1{stroke:#f0883e}\
    .d0{fill:#58a6ff}.d1{fill:#f0883e}}";

/// A row for each name, on an axis of powers of ten: its middle as a dot on the line of its span. The one that is ours stands out.
pub fn spans(title: &str, spans: &[Span], ours: &str, words: impl Fn(f64) -> String) -> String {
    let bottom = 40.0 + ROW * spans.len() as f64;
    let values = spans.iter().filter_map(|span| span.at).flatten();
    let axis = Axis::powers(values, (LEFT, WIDTH - RIGHT));
    let mut svg = begun(title, bottom + 30.0);
    for (value, label) in axis.ticks(words) {
        let x = axis.place(value);
        line(&mut svg, "g", (x, 34.0), (x, bottom));
        text(&mut svg, (x, bottom + 18.0), "middle", &label);
    }
    for (index, span) in spans.iter().enumerate() {
        let y = 52.0 + ROW * index as f64;
        let colour = usize::from(span.name != ours);
        text(&mut svg, (LEFT - 12.0, y + 4.0), "end", &span.name);
        match span.at {
            Some([from, middle, to]) => {
                line(&mut svg, &format!("s c{colour}"), (axis.place(from), y), (axis.place(to), y));
                let x = axis.place(middle);
                svg.push_str(&format!("<circle class=\"d{colour}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>\n"));
            }
            None => text(&mut svg, (LEFT + 8.0, y + 4.0), "start", "never"),
        }
    }
    svg + "</svg>\n"
}

/// Lines over two axes; `y` in powers of ten, `x` too where `powers` says so.
pub fn lines(
    title: &str,
    lines: &[Line],
    powers: bool,
    (x_words, y_words): (impl Fn(f64) -> String, impl Fn(f64) -> String),
) -> String {
    const BOTTOM: f64 = 300.0;
    let points = lines.iter().flat_map(|line| line.points.iter());
    let y_axis = Axis::powers(points.clone().map(|(_, y)| *y), (BOTTOM, 40.0));
    let pixels = (80.0, WIDTH - 90.0);
    let x_axis = match powers {
        true => Axis::powers(points.map(|(x, _)| *x), pixels),
        false => Axis { logarithmic: false, from: 0.0, to: 100.0, pixels },
    };
    let mut svg = begun(title, BOTTOM + 30.0);
    for (value, label) in y_axis.ticks(y_words) {
        let y = y_axis.place(value);
        line(&mut svg, "g", (pixels.0, y), (pixels.1, y));
        text(&mut svg, (pixels.0 - 10.0, y + 4.0), "end", &label);
    }
    let marks = match powers {
        true => x_axis.ticks(&x_words),
        false => [0.0, 25.0, 50.0, 75.0, 100.0].map(|value| (value, x_words(value))).to_vec(),
    };
    for (value, label) in marks {
        let x = x_axis.place(value);
        line(&mut svg, "g", (x, 40.0), (x, BOTTOM));
        text(&mut svg, (x, BOTTOM + 18.0), "middle", &label);
    }
    for (index, Line { name, points }) in lines.iter().enumerate() {
        let colour = index.min(1);
        let places: Vec<String> =
            points.iter().map(|(x, y)| format!("{:.1},{:.1}", x_axis.place(*x), y_axis.place(*y))).collect();
        svg.push_str(&format!("<polyline class=\"l c{colour}\" points=\"{}\"/>\n", places.join(" ")));
        if let Some((x, y)) = points.last() {
            text(&mut svg, (x_axis.place(*x) + 8.0, y_axis.place(*y) + 4.0), "start", name);
        }
    }
    svg + "</svg>\n"
}

fn begun(title: &str, height: f64) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">\n<style>{STYLE}</style>\n",
        escaped(title)
    );
    text(&mut svg, (10.0, 20.0), "start", title);
    svg
}

fn line(svg: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    svg.push_str(&format!(
        "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>\n",
        from.0, from.1, to.0, to.1
    ));
}

fn text(svg: &mut String, at: (f64, f64), anchor: &str, words: &str) {
    svg.push_str(&format!(
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>\n",
        at.0,
        at.1,
        escaped(words)
    ));
}

fn escaped(words: &str) -> String {
    let mut escaped = String::with_capacity(words.len());
    for letter in words.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}
