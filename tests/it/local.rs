//! The embedded Lambda, run as a user runs it: its functions are small scripts that speak the Runtime
//! API, and its clients are raw sockets, boto3 and the AWS command line.

mod answers;
mod aws;
mod bootstrap;
mod browser;
pub(crate) mod cli;
mod clients;
mod data;
mod events;
pub(crate) mod extensions;
mod handlers;
mod kept;
mod pool;
mod real;
mod routes;
pub(crate) mod s3;
mod sandbox;
pub(crate) mod server;
mod streams;
mod telemetry;
mod urls;
pub(crate) mod zips;
