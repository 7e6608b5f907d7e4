//! The only place that says `use worker`.
