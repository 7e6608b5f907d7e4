//! The runner as a program: real git over `git http-backend`, the real agents from npm, a scripted model provider, and a
//! small Porter that speaks the wire contracts and misbehaves on request.

mod agents;
mod canaries;
mod faults;
mod hostile;
mod model;
mod porter;
mod run;
