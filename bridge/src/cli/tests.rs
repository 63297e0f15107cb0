use clap::CommandFactory;

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn wrong_usage_is_told_from_help() {
    let code = |arguments: &[&str]| run(arguments.iter().map(OsString::from).collect());
    let debug = |code: ExitCode| format!("{code:?}");
    assert_eq!(debug(code(&["hybridge", "--version"])), debug(ExitCode::SUCCESS));
    assert_eq!(debug(code(&["hybridge", "no-such"])), debug(failure::USAGE.into()));
    assert_eq!(debug(code(&["hybridge", "topic", "tail", "a/b"])), debug(failure::USAGE.into()));
}

#[test]
fn the_starter_file_loads_without_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hybridge.yaml");
    std::fs::write(&path, init::STARTER).unwrap();
    let loaded = load(&[path]).map_err(|problems| problems.to_string()).unwrap();
    assert_eq!(loaded.config.routes.len(), 1);
}

#[test]
fn init_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hybridge.yaml");
    std::fs::write(&path, "mine").unwrap();
    assert!(matches!(init::init(&path, None, None), Err(Failure::Other(_))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn text_from_outside_obeys_nothing_at_a_terminal() {
    assert_eq!(output::shown("a\x1b[2J\nb", 9), "a\\u{1b}[2J\\nb");
    assert_eq!(output::shown("abcdef", 3), "abc…");
}
