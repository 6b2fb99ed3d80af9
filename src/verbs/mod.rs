//! Each verb once: arguments become an ask or a question, answers become text or JSON.
