//! What an operator runs: the files of `deploy/`, with their own linters, and real proxies.

mod programs;
