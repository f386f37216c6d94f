//! Do the programs beside this one belong to it, and are the models whole?

use super::{Finding, finding};
use crate::checked_model::CheckedModel;
use crate::config::Config;
use crate::instance::Instance;
use crate::probe::ModelCheck;
use crate::siblings::Siblings;
use shm_layout::control::{ModelInfo, Role};
use shm_layout::worker::{BUILD_QUESTION, build};

pub(super) fn look(siblings: &Siblings) -> Finding {
    let answers = [Role::Capture, Role::Infer, Role::Gateway].map(|role| {
        let output = siblings.ask(role, &BUILD_QUESTION.map(str::to_owned));
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        (role.program(), text.unwrap_or_default())
    });
    check(&answers, &build())
}

/// Each program answers with its build; one that is too old to know the question says nothing.
fn check(answers: &[(&str, String)], own: &str) -> Finding {
    let others: Vec<String> = answers
        .iter()
        .map(|(program, answer)| (program, answer.trim()))
        .filter(|(_, build)| *build != own)
        .map(|(program, build)| {
            let build = if build.is_empty() {
                "an older one"
            } else {
                build
            };
            format!("{program} is {build}")
        })
        .collect();
    if others.is_empty() {
        return Finding::ok("programs", format!("all of version {own}"));
    }
    Finding::fail(
        "programs",
        format!("supervisor is {own}, {}", others.join(", ")),
    )
    .meaning("programs of different builds may not understand each other's memory")
    .mend("build all four together: cargo build --release --workspace --bins")
}

pub(super) fn look_at_models(siblings: &Siblings, config: &Config, instance: &Instance) -> Finding {
    let check = ModelCheck::start(siblings, config, instance).and_then(ModelCheck::finish);
    match check {
        Ok(CheckedModel { info, .. }) => {
            let backend = config.infer.backend.name();
            let ModelInfo { name, profile, .. } = info;
            Finding::ok("models", format!("{name} ({profile}), run by {backend}"))
        }
        Err(failure) => finding::from_failure("models", &failure),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn program_of_another_build_is_named() {
        let own = "0.1.0 (layout 12ab)";
        let capture = ("capture-worker", format!("{own}\n"));
        let gateway = |answer: &str| ("net-gateway", answer.to_owned());
        assert_eq!(check(std::slice::from_ref(&capture), own).level, Level::Ok);
        let finding = check(&[capture, gateway("0.1.0 (layout 34cd)\n")], own);
        assert_eq!(finding.level, Level::Fail);
        assert!(
            finding.says.contains("net-gateway is 0.1.0 (layout 34cd)"),
            "{}",
            finding.says
        );
        assert!(!finding.says.contains("capture-worker"));
        assert_eq!(check(&[gateway("")], own).level, Level::Fail);
    }
}
