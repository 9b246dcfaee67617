//! The real binary through real files and real sockets, as its users have it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod citing;
mod command_line;
mod corpus;
mod dist;
mod documents;
mod edits;
mod effective;
mod every_key;
mod exports;
mod files;
mod forecast;
mod kubernetes;
mod letta;
mod letta_server;
mod library;
mod live;
mod load;
mod lookups;
mod mcp;
mod mcp_client;
mod mcp_sdk;
mod mcp_stdio;
mod metrics;
mod mounts;
mod plan;
mod probation;
mod refused;
mod report;
mod roles;
mod shell;
mod start;
mod supervisor;
mod support;
mod systemd;
mod times;
mod whole;
