//! Do the programs beside this one belong to it, and are the models whole?

use super::{Finding, finding};
use crate::config::Infer;
use crate::probe::ModelCheck;
use crate::siblings::Siblings;
use shm_layout::control::Role;

pub(super) fn look(siblings: &Siblings) -> Finding {
    let versions = [Role::Capture, Role::Infer, Role::Gateway].map(|role| {
        let output = siblings.ask(role, &["--version".to_owned()]);
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        (role.program(), text.unwrap_or_default())
    });
    check(&versions)
}

/// Each program answers `--version` with its name and version.
fn check(answers: &[(&str, String)]) -> Finding {
    let own = env!("CARGO_PKG_VERSION");
    let others: Vec<String> = answers
        .iter()
        .map(|(program, answer)| (program, answer.split_whitespace().last().unwrap_or("?")))
        .filter(|(_, version)| *version != own)
        .map(|(program, version)| format!("{program} is version {version}"))
        .collect();
    if others.is_empty() {
        return Finding::ok("programs", format!("all of version {own}"));
    }
    Finding::fail(
        "programs",
        format!("{}, supervisor is {own}", others.join(", ")),
    )
    .meaning("programs of different versions may not understand each other's memory")
    .mend("build all four together: cargo build --release --workspace --bins")
}

pub(super) fn look_at_models(siblings: &Siblings, config: &Infer) -> Finding {
    let check = ModelCheck::start(siblings, config).and_then(ModelCheck::finish);
    match check {
        Ok(model) => Finding::ok("models", format!("{} ({})", model.name, model.profile)),
        Err(failure) => finding::from_failure("models", &failure),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn program_of_another_version_is_named() {
        let own = format!("capture-worker {}\n", env!("CARGO_PKG_VERSION"));
        let answer = |text: &str| ("net-gateway", text.to_owned());
        assert_eq!(check(&[("capture-worker", own.clone())]).level, Level::Ok);
        let finding = check(&[("capture-worker", own), answer("net-gateway 9.8.7\n")]);
        assert_eq!(finding.level, Level::Fail);
        assert!(finding.says.contains("net-gateway is version 9.8.7"));
        assert!(!finding.says.contains("capture-worker"));
        assert_eq!(check(&[answer("")]).level, Level::Fail);
    }
}
