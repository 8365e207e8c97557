//! A release, decided: what AWS should hold, what it holds, and which calls lead from one to the other.

pub mod wanted;
