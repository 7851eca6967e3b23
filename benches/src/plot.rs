//! Bars, as SVG.

use std::fmt::Write as _;

use crate::measured::{Report, median};

/// The plot shows what was measured with so many callers.
const CALLERS: usize = 64;

const WIDTH: usize = 760;
const LABELS: usize = 260;
const BAR: usize = 18;

/// A bar for each variant at each size: calls in a second, as a share of the most at that size.
pub(crate) fn bars(report: &Report) -> String {
    let (mut body, mut y) = (String::new(), 30);
    for bytes in report.sizes() {
        let shown = report.measured.iter();
        let shown = shown.filter(|row| row.bytes == bytes && row.callers == CALLERS);
        let rows: Vec<(&str, f64)> = shown
            .map(|row| (row.variant.as_str(), median(row.rates.clone())))
            .collect();
        let most = rows.iter().map(|(_, rate)| *rate).fold(1.0, f64::max);
        text(&mut body, 10, y, "start", &format!("{bytes} bytes"));
        y += 10;
        for (variant, rate) in rows {
            let width = bar_width(rate / most);
            let colour = if variant.starts_with('#') {
                "#2563eb"
            } else {
                "#9ca3af"
            };
            let _ = writeln!(
                body,
                r#"<rect x="{LABELS}" y="{y}" width="{width}" height="{}" fill="{colour}"/>"#,
                BAR - 4
            );
            text(&mut body, LABELS - 8, y + BAR - 7, "end", variant);
            let thousands = format!("{:.1} k/s", rate / 1000.0);
            text(
                &mut body,
                LABELS + width + 6,
                y + BAR - 7,
                "start",
                &thousands,
            );
            y += BAR;
        }
        y += 26;
    }
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" font-family="sans-serif" font-size="12">
<title>{}, {CALLERS} callers</title>
<rect width="100%" height="100%" fill="white"/>
{body}</svg>
"#,
        escaped(&report.title)
    )
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "pixels"
)]
fn bar_width(share: f64) -> usize {
    ((WIDTH - LABELS - 90) as f64 * share) as usize
}

fn text(body: &mut String, x: usize, y: usize, anchor: &str, text: &str) {
    let text = escaped(text);
    let _ = writeln!(
        body,
        r#"<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>"#
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::Measured;

    #[test]
    fn each_variant_has_a_bar_as_long_as_it_is_fast() {
        let measured = |variant: &str, callers, rate| Measured {
            variant: variant.to_owned(),
            bytes: 200,
            callers,
            rates: vec![1.0, rate, 1e9],
        };
        let report = Report {
            title: "calls".to_owned(),
            measured: vec![
                measured("#[cache], Cached<T>", CALLERS, 2000.0),
                measured("by hand", CALLERS, 1000.0),
                measured("by hand", 1, 5.0),
            ],
        };
        let plot = bars(&report);
        let longest = WIDTH - LABELS - 90;
        assert_eq!(plot.matches("<rect x=").count(), 2);
        assert!(plot.contains(&format!(r#"width="{longest}""#)), "{plot}");
        assert!(
            plot.contains(&format!(r#"width="{}""#, longest / 2)),
            "{plot}"
        );
        assert!(plot.contains("#[cache], Cached&lt;T></text>"), "{plot}");
    }
}
