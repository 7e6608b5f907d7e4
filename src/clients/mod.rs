//! Other people's APIs over `ports::Http`: GitHub and the machine host. They know neither the store nor the use cases.

pub mod address;
pub mod fly;
pub mod github;
pub mod quota;
