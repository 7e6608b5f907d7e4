//! Scenarios: Porter as a whole, in-process, in the product's own words. A comment is written, the world settles, and what
//! people would see is looked at.

mod intake;
mod main_job;
mod stage;
