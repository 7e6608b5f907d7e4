//! Two thousand worlds at every test run, and the simulation's own promise: the same seed, the same story.

use porter_simulation::many::{AfterFailure, Many, play_many, replay};

#[test]
fn two_thousand_worlds_keep_every_promise() {
    let many = Many { first: 0, count: 2000, after: AfterFailure::Stop };
    let outcome = play_many(many, &|_| {}).expect("worlds can be prepared");
    if let Some(failure) = outcome.failures.values().next() {
        let story = replay(failure.seed).err().map(|failure| failure.trace).unwrap_or_default();
        let end = story.len().saturating_sub(80);
        let end = story.get(end..).unwrap_or_default().join("\n");
        panic!("{end}\nseed {} broke {}: {}", failure.seed, failure.violation.invariant, failure.violation.what);
    }
    assert_eq!(outcome.played, 2000);
    // Worlds in which nothing happens would prove nothing.
    assert!(outcome.lived.tasks > 2000, "{:?}", outcome.lived);
    assert!(outcome.lived.succeeded > 800, "{:?}", outcome.lived);
}

#[test]
fn the_same_seed_gives_the_same_story() {
    for seed in [1, 7, 19] {
        let [one, other] =
            [replay(seed), replay(seed)].map(|played| played.map_or_else(|failure| failure.trace, |(_, story)| story));
        assert!(one.len() > 20, "seed {seed} has a story");
        assert_eq!(one, other, "seed {seed}");
    }
}
