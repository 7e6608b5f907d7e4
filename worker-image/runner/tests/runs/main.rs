//! The runner as a program: real git over `git http-backend`, the real agents from npm, a scripted model provider, and a
//! small Porter that speaks the wire contracts and misbehaves on request.

#[cfg(test)]
mod agents;
#[cfg(test)]
mod canaries;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod model;
#[cfg(test)]
mod porter;
#[cfg(test)]
mod run;
