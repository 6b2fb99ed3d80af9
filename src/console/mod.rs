//! The full-screen console as pure Elm Architecture: update, view, layout.
