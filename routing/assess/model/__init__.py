"""The trained part of the assessment: a glance at every job, and a reading of those that the glance leaves open."""
