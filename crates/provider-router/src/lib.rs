//! A model made of models.
