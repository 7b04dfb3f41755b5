"""What is fuzzed, by name."""

from tests.trials.fuzzing import Target, both_files, env_files, names, seeds, small_texts

TARGETS = {
    "both_files": Target(both_files.check, seeds.of_both_files),
    "names": Target(names.check, seeds.of_names),
    "env_files": Target(env_files.check, seeds.of_env_files),
    "comments": Target(small_texts.check_comment, seeds.of_comments),
    "values_in_comments": Target(small_texts.check_values_in_comments, seeds.of_comments),
    "csv_files": Target(small_texts.check_csv, seeds.of_csv_files),
    "printed_codes": Target(small_texts.check_printed_code, seeds.of_printed_codes),
}
