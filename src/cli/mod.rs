//! Arguments, attach, start the server: the only place that reads the environment and prints.
