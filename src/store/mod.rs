//! sled views over the ledger: history, search, presets, drafts. Never the only copy of evidence.
