//! Counts answers by class, and what follows from the counts: pure arithmetic.
//!
//! Neighbours: [`super::run`] adds answers, `told` and `matrix` show the result.

use super::names::right_labels;

/// Equal parts of the score for the calibration error.
const BINS: usize = 10;

/// What the recogniser said of a hand.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its gesture.
    pub label: String,
    /// How sure it is, 0..=1.
    pub score: f32,
}

/// One class of the folder.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name in the folder.
    pub class: String,
    /// The labels that are right for it, by index.
    pub right: Vec<usize>,
    /// Whether the model knows it; if not, the label for no gesture is right.
    pub is_known: bool,
    /// Answers by label.
    pub answers: Vec<usize>,
    /// Pictures in which no hand was found.
    pub not_found: usize,
}

/// Counts of all classes.
#[derive(Debug, Clone)]
pub struct Tally {
    /// The labels of the model.
    pub labels: Vec<String>,
    /// The classes, in the order in which they came.
    pub rows: Vec<Row>,
    /// Score of each answer, and whether it was right.
    scores: Vec<(f32, bool)>,
}

/// The figures of one class. All are of hands that were found, except `found` and `recall_in_all`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// Pictures.
    pub pictures: usize,
    /// Share of pictures in which a hand was found.
    pub found: f32,
    /// Share of the answers of this class's labels that were about this class (or one that has the
    /// same label); 0 without such answers.
    pub precision: f32,
    /// Share of the hands that got a right label.
    pub recall: f32,
    /// Harmonic mean of the two.
    pub f1: f32,
    /// Share of the pictures that got a right label; a picture without a found hand is a miss.
    pub recall_in_all: f32,
}

impl Row {
    /// Hands that were found.
    #[must_use]
    pub fn hands(&self) -> usize {
        self.answers.iter().sum()
    }

    fn hits(&self) -> usize {
        self.right.iter().map(|&label| self.answers[label]).sum()
    }
}

impl Tally {
    /// Nothing counted yet, for a model with these labels.
    #[must_use]
    pub fn new(labels: &[String]) -> Self {
        Self {
            labels: labels.to_vec(),
            rows: Vec::new(),
            scores: Vec::new(),
        }
    }

    /// Counts one picture of `class`; `None` when no hand was found. A label that the model does
    /// not have counts as not found.
    pub fn add(&mut self, class: &str, answer: Option<Answer>) {
        let at = self.rows.iter().position(|row| row.class == class);
        let at = at.unwrap_or_else(|| {
            let (right, is_known) = right_labels(class, &self.labels);
            self.rows.push(Row {
                class: class.to_owned(),
                right,
                is_known,
                answers: vec![0; self.labels.len()],
                not_found: 0,
            });
            self.rows.len() - 1
        });
        let row = &mut self.rows[at];
        let label = |answer: &Answer| self.labels.iter().position(|label| *label == answer.label);
        match answer
            .as_ref()
            .and_then(|answer| Some((answer, label(answer)?)))
        {
            Some((answer, index)) => {
                row.answers[index] += 1;
                self.scores.push((answer.score, row.right.contains(&index)));
            }
            None => row.not_found += 1,
        }
    }

    /// The figures of a row.
    #[must_use]
    pub fn figures(&self, row: &Row) -> Figures {
        let share = |part: usize, whole: usize| part as f32 / whole.max(1) as f32;
        let (hands, hits) = (row.hands(), row.hits());
        let pictures = hands + row.not_found;
        let said = |other: &Row| -> usize { row.right.iter().map(|&l| other.answers[l]).sum() };
        let meant = |other: &&Row| row.right.iter().any(|label| other.right.contains(label));
        let all: usize = self.rows.iter().map(said).sum();
        let fair: usize = self.rows.iter().filter(meant).map(said).sum();
        let (precision, recall) = (share(fair, all), share(hits, hands));
        let sum = precision + recall;
        Figures {
            pictures,
            found: share(hands, pictures),
            precision,
            recall,
            f1: if sum > 0.0 {
                2.0 * precision * recall / sum
            } else {
                0.0
            },
            recall_in_all: share(hits, pictures),
        }
    }

    /// The figures of everything: shares of all pictures and hands; `f1` is the mean over the classes
    /// that have a hand.
    #[must_use]
    pub fn total(&self) -> Figures {
        let share = |part: usize, whole: usize| part as f32 / whole.max(1) as f32;
        let hands: usize = self.rows.iter().map(Row::hands).sum();
        let hits: usize = self.rows.iter().map(Row::hits).sum();
        let pictures = hands + self.rows.iter().map(|row| row.not_found).sum::<usize>();
        let with_hands = self.rows.iter().filter(|row| row.hands() > 0);
        let each: Vec<Figures> = with_hands.map(|row| self.figures(row)).collect();
        let mean = |pick: fn(&Figures) -> f32| {
            each.iter().map(pick).sum::<f32>() / each.len().max(1) as f32
        };
        Figures {
            pictures,
            found: share(hands, pictures),
            precision: mean(|figures| figures.precision),
            recall: share(hits, hands),
            f1: mean(|figures| figures.f1),
            recall_in_all: share(hits, pictures),
        }
    }

    /// How far the scores are from the share of right answers, on average: the expected calibration
    /// error over ten equal parts of the score. `None` without answers.
    #[must_use]
    pub fn calibration_error(&self) -> Option<f32> {
        let mut bins = [(0.0_f32, 0_usize, 0_usize); BINS];
        for (score, is_right) in &self.scores {
            let bin = ((score * BINS as f32) as usize).min(BINS - 1);
            let (sum, right, count) = &mut bins[bin];
            *sum += score;
            *right += usize::from(*is_right);
            *count += 1;
        }
        let apart: f32 = bins
            .iter()
            .map(|(sum, right, _)| (sum - *right as f32).abs())
            .sum();
        (!self.scores.is_empty()).then(|| apart / self.scores.len() as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(answers: &[(&str, Option<(&str, f32)>)]) -> Tally {
        let labels = ["None", "palm", "fist"].map(str::to_owned);
        let mut tally = Tally::new(&labels);
        for (class, answer) in answers {
            let answer = answer.map(|(label, score)| Answer {
                label: label.to_owned(),
                score,
            });
            tally.add(class, answer);
        }
        tally
    }

    #[test]
    fn figures_count_hands_and_misses_apart() {
        let tally = tally(&[
            ("palm", Some(("palm", 0.9))),
            ("palm", Some(("palm", 0.9))),
            ("palm", Some(("fist", 0.9))),
            ("palm", None),
            ("fist", Some(("fist", 0.9))),
        ]);
        let palm = tally.figures(&tally.rows[0]);
        assert_eq!(palm.pictures, 4);
        assert!((palm.found - 0.75).abs() < 1e-6);
        assert!((palm.recall - 2.0 / 3.0).abs() < 1e-6);
        assert!((palm.recall_in_all - 0.5).abs() < 1e-6);
        assert!((palm.precision - 1.0).abs() < 1e-6);
        assert!((palm.f1 - 0.8).abs() < 1e-6);
        let fist = tally.figures(&tally.rows[1]);
        assert!((fist.precision - 0.5).abs() < 1e-6, "{fist:?}");
        let total = tally.total();
        assert_eq!(total.pictures, 5);
        assert!((total.f1 - (0.8 + 2.0 / 3.0) / 2.0).abs() < 1e-6);
        assert!((total.recall - 0.75).abs() < 1e-6);
    }

    #[test]
    fn classes_that_share_a_label_do_not_spoil_each_other_s_precision() {
        let tally = tally(&[
            ("none", Some(("None", 0.9))),
            ("vulcan", Some(("None", 0.9))),
            ("vulcan", Some(("fist", 0.9))),
        ]);
        assert!(tally.rows[0].is_known && !tally.rows[1].is_known);
        assert_eq!(tally.figures(&tally.rows[0]).precision, 1.0);
        assert_eq!(tally.figures(&tally.rows[1]).recall, 0.5);
    }

    #[test]
    fn a_class_without_a_hand_has_figures_of_zero() {
        let tally = tally(&[("palm", None)]);
        let palm = tally.figures(&tally.rows[0]);
        assert_eq!((palm.found, palm.recall, palm.f1), (0.0, 0.0, 0.0));
        assert_eq!(tally.total().f1, 0.0);
        assert_eq!(tally.calibration_error(), None);
    }

    #[test]
    fn calibration_error_is_the_mean_gap_between_score_and_truth() {
        let mut answers = vec![("palm", Some(("palm", 0.75))); 3];
        answers.push(("palm", Some(("fist", 0.75))));
        let error = tally(&answers).calibration_error().expect("answers");
        assert!(error < 1e-6, "{error}");
        answers.push(("palm", Some(("fist", 1.0))));
        let error = tally(&answers).calibration_error().expect("answers");
        assert!((error - 0.2).abs() < 1e-6, "{error}");
    }
}
