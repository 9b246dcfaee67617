//! The device that the PDF interpreter draws on: it keeps where each glyph stands and how it looks, and paints nothing.
//!
//! Fonts of scientific PDFs often have no usable name (`AdvTT3713a231`), so weight and slant are measured on the
//! glyph's outline instead: twice the area over the perimeter is the mean stroke width, and the lean of its
//! near-vertical strokes is the slant.

use hayro_interpret::font::{Glyph as Drawn, GlyphRun, OutlineGlyph};
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::kurbo::{Affine, BezPath, PathEl, Point, Shape};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, RenderContent, SoftMask, TransformExt, interpret_page,
};
use hayro_syntax::Pdf;
use hayro_syntax::page::Page;
use std::collections::HashMap;

/// Glyphs kept of one page; a dense page of a paper has 10,000.
const GLYPHS_PER_PAGE_MAX: usize = 200_000;

/// A glyph where it stands on its page. Lengths are points, y grows downwards.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Glyph {
    /// What it means, usually one character; empty if the font does not say.
    pub text: String,
    /// Left edge.
    pub x0: f32,
    /// Right edge, by its advance.
    pub x1: f32,
    /// Baseline.
    pub y: f32,
    /// Size of the font.
    pub size: f32,
    /// How it looks.
    pub look: Look,
}

/// How a glyph looks, measured on its outline.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Look {
    /// Mean stroke width in thousandths of the size; 0 if unknown.
    pub weight: f32,
    /// Lean of the strokes, 0 upright, about 0.2 italic.
    pub slant: f32,
}

/// All text of one page.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PageGlyphs {
    /// Width of the page.
    pub width: f32,
    /// Height of the page.
    pub height: f32,
    /// Upright glyphs, in the order in which they are drawn.
    pub glyphs: Vec<Glyph>,
    /// Text that runs in another direction, such as a stamp on the margin.
    pub turned: String,
    /// Glyphs whose meaning the font does not say.
    pub unmapped: usize,
    /// Whether a picture covers most of the page, as on a scan.
    pub covered: bool,
}

/// Looks already measured; a document draws the same few hundred glyphs over and over.
pub(crate) type Looks = HashMap<u128, Look>;

/// The text of one page.
pub(crate) fn page_glyphs<'a>(
    pdf: &'a Pdf,
    page: &Page<'a>,
    cache: &InterpreterCache<'a>,
    looks: &mut Looks,
) -> PageGlyphs {
    let (width, height) = page.render_dimensions();
    let transform = page.initial_transform(true).to_kurbo();
    let bounds = hayro_interpret::kurbo::Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let settings =
        InterpreterSettings { render_content: RenderContent::PAGE, ..InterpreterSettings::default() };
    let mut context = Context::new(transform, bounds, cache, pdf.xref(), settings);
    let mut paper = Paper {
        page: PageGlyphs { width, height, ..PageGlyphs::default() },
        sideways: Vec::new(),
        turned_end: None,
        looks,
    };
    interpret_page(page, &mut context, &mut paper);
    paper.finish()
}

/// What is drawn on.
struct Paper<'l> {
    page: PageGlyphs,
    /// Glyphs that run upwards, turned upright: they are the text of a page that is set in landscape.
    sideways: Vec<Glyph>,
    turned_end: Option<Point>,
    looks: &'l mut Looks,
}

impl Paper<'_> {
    fn finish(self) -> PageGlyphs {
        let mut page = self.page;
        if self.sideways.len() > page.glyphs.len() * 3 && self.sideways.len() > 300 {
            page.turned = page.glyphs.iter().map(|glyph| glyph.text.as_str()).collect();
            page.glyphs = self.sideways;
            (page.width, page.height) = (page.height, page.width);
        }
        page
    }

    fn look(&mut self, outline: &OutlineGlyph) -> Look {
        *self.looks.entry(outline.identifier().cache_key()).or_insert_with(|| measure(&outline.outline()))
    }

    fn keep(&mut self, drawn: &Drawn<'_>, transform: Affine) {
        if self.page.glyphs.len() + self.sideways.len() >= GLYPHS_PER_PAGE_MAX {
            return;
        }
        let (advance, look) = match drawn {
            Drawn::Outline(outline) => (outline.advance_width().unwrap_or(500.0), self.look(outline)),
            Drawn::Type3(shape) => (shape.advance_width().unwrap_or(500.0), Look::default()),
        };
        let origin = transform * Point::ZERO;
        let end = transform * Point::new(f64::from(advance), 0.0);
        let up = transform * Point::new(0.0, 1000.0) - origin;
        let size = up.hypot() as f32;
        let text = meaning(drawn);
        if !(size.is_finite()
            && size > 0.5
            && origin.x.is_finite()
            && origin.y.is_finite()
            && end.x.is_finite())
        {
            return;
        }
        if text.is_empty() {
            self.page.unmapped += 1;
        }
        let run = end - origin;
        if run.x >= 0.0 && run.y.abs() <= 0.1 * run.x.max(0.01 * f64::from(size)) {
            let glyph = Glyph { text, x0: origin.x as f32, x1: end.x as f32, y: origin.y as f32, size, look };
            if inside(&glyph, self.page.width, self.page.height) {
                self.page.glyphs.push(glyph);
            }
        } else {
            self.keep_turned(text, origin, end, size, look);
        }
    }

    fn keep_turned(&mut self, text: String, origin: Point, end: Point, size: f32, look: Look) {
        let gap = self.turned_end.map_or(f64::MAX, |last| (origin - last).hypot());
        if gap > 0.15 * f64::from(size) && !self.page.turned.ends_with(' ') {
            self.page.turned.push(' ');
        }
        self.page.turned.push_str(&text);
        self.turned_end = Some(end);
        if end.y < origin.y && (end.x - origin.x).abs() < 0.1 * (origin.y - end.y) {
            let height = self.page.height;
            let (x0, x1) = (height - origin.y as f32, height - end.y as f32);
            self.sideways.push(Glyph { text, x0, x1, y: origin.x as f32, size, look });
        }
    }
}

impl<'a> Device<'a> for Paper<'_> {
    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}

    fn push_clip_path(&mut self, _: &ClipPath) {}

    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        for glyph in run.glyphs() {
            self.keep(glyph, props.transform * glyph.transform());
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        let area = props.transform.determinant().abs() * f64::from(image.width()) * f64::from(image.height());
        let page_area = f64::from(self.page.width) * f64::from(self.page.height);
        self.page.covered |= area > 0.6 * page_area;
    }

    fn pop_clip(&mut self) {}

    fn pop_transparency_group(&mut self) {}
}

/// What a glyph means, without control characters and the private use area, which say nothing to a reader.
fn meaning(drawn: &Drawn<'_>) -> String {
    let said = match drawn.as_unicode() {
        Some(BfString::Char(character)) => character.to_string(),
        Some(BfString::String(string)) => string,
        None => String::new(),
    };
    said.chars()
        .filter(|c| !c.is_control() && !matches!(*c, '\u{E000}'..='\u{F8FF}' | '\u{FFFD}'))
        .take(16)
        .collect()
}

fn inside(glyph: &Glyph, width: f32, height: f32) -> bool {
    glyph.x1 > 0.0 && glyph.x0 < width && glyph.y > 0.0 && glyph.y - glyph.size < height
}

/// Measures weight and slant of an outline that is drawn in thousandths of the size.
fn measure(path: &BezPath) -> Look {
    let perimeter = path.perimeter(1.0);
    if !perimeter.is_finite() || perimeter < 1.0 {
        return Look::default();
    }
    let (mut lean, mut rise) = (0.0, 0.0);
    let mut last = Point::ZERO;
    for element in path.elements() {
        let end = match *element {
            PathEl::MoveTo(point) => {
                last = point;
                continue;
            }
            PathEl::LineTo(point) | PathEl::QuadTo(_, point) | PathEl::CurveTo(_, _, point) => point,
            PathEl::ClosePath => continue,
        };
        let step = end - last;
        if step.y.abs() > 150.0 && step.x.abs() < 0.6 * step.y.abs() {
            let sign = step.y.signum();
            lean += step.x * sign;
            rise += step.y * sign;
        }
        last = end;
    }
    let slant = if rise > 0.0 { lean / rise } else { 0.0 };
    Look { weight: (2.0 * path.area().abs() / perimeter) as f32, slant: slant as f32 }
}
