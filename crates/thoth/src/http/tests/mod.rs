//! The folder as a whole: a server on real sockets over a real settings file.

mod answers;
mod events;
mod fixture;
mod moves;
mod papers;
mod pins;
