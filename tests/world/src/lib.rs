//! The world Porter is tested in.
