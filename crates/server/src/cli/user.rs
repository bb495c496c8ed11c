//! `nightlatch user`: accounts, seen and changed by whoever runs the server.

use nightlatch_core::{UserId, methods::Holding};
use nightlatch_flows::{Env, admin::users};
use nightlatch_store::units::account::{Account, Standing};
use serde::Serialize;
use serde_json::json;

use super::{
    failure::Failure,
    output::{Form, say, table, time},
    target::{Target, leave},
};

/// Works beside a running server, which sees every change at once.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List accounts, newest first
    List(List),
    /// Show an account and what it has enrolled
    Show(One),
    /// Keep somebody from signing in; sessions end
    Disable(One),
    /// Let somebody sign in again
    Enable(One),
    /// Remove every second factor of an account; sessions end and its owner is told
    ResetMfa(One),
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    target: Target,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=1000))]
    limit: i64,
    /// Only accounts older than this one
    #[arg(long, value_name = "ID")]
    before: Option<UserId>,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// The account's id or address
    #[arg(value_name = "ID|ADDRESS")]
    who: String,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    form: Form,
}

pub(super) async fn run(command: &Command) -> Result<(), Failure> {
    let target = match command {
        Command::List(args) => &args.target,
        Command::Show(args)
        | Command::Disable(args)
        | Command::Enable(args)
        | Command::ResetMfa(args) => &args.target,
    };
    let env = target.open().await?;
    let done = match command {
        Command::List(args) => list(&env, args).await,
        Command::Show(args) => show(&env, args).await,
        Command::Disable(args) => set_standing(&env, args, Standing::Disabled).await,
        Command::Enable(args) => set_standing(&env, args, Standing::Active).await,
        Command::ResetMfa(args) => reset(&env, args).await,
    };
    leave(env, done).await
}

/// An account, as it is printed.
#[derive(Serialize)]
struct View {
    id: UserId,
    email: String,
    name: Option<String>,
    state: &'static str,
    administrator: bool,
    email_verified: bool,
    created_at: String,
}

impl From<&Account> for View {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id,
            email: account.email.clone(),
            name: account.name.clone(),
            state: match account.standing {
                Standing::Active => "active",
                Standing::Disabled => "disabled",
            },
            administrator: account.is_admin,
            email_verified: account.email_verified_at.is_some(),
            created_at: time(account.created_at),
        }
    }
}

async fn list(env: &Env, args: &List) -> Result<(), Failure> {
    let accounts = users::list(env, args.before, args.limit).await?;
    let views: Vec<_> = accounts.iter().map(View::from).collect();
    args.form.print(&json!({ "items": views }), || {
        let rows: Vec<_> = views
            .iter()
            .map(|view| {
                let administrator = if view.administrator { "yes" } else { "" };
                [
                    view.id.to_string(),
                    view.email.clone(),
                    view.state.to_owned(),
                    administrator.to_owned(),
                    view.created_at.clone(),
                ]
            })
            .collect();
        table(["ID", "ADDRESS", "STATE", "ADMIN", "CREATED"], &rows)
    })
}

async fn show(env: &Env, args: &One) -> Result<(), Failure> {
    let account = users::find(env, &args.who).await?;
    let holding = users::holding(env, &account).await?;
    let view = View::from(&account);
    let value = json!({
        "account": view,
        "methods": methods(&holding),
        "recovery_codes": { "remaining": holding.codes_left, "disabled": holding.codes_disabled },
    });
    args.form.print(&value, || {
        let facts = [
            ["ID".to_owned(), view.id.to_string()],
            ["ADDRESS".to_owned(), view.email.clone()],
            ["NAME".to_owned(), view.name.clone().unwrap_or_else(|| "-".to_owned())],
            ["STATE".to_owned(), view.state.to_owned()],
            ["ADMINISTRATOR".to_owned(), yes(view.administrator)],
            ["EMAIL VERIFIED".to_owned(), yes(view.email_verified)],
            ["CREATED".to_owned(), view.created_at.clone()],
            ["RECOVERY CODES".to_owned(), holding.codes_left.to_string()],
        ];
        let rows: Vec<_> = holding
            .methods
            .iter()
            .map(|method| {
                let used = method.last_used_at.map_or_else(|| "never".to_owned(), time);
                let (factor, state) = (method.factor.as_str(), method.state.as_str());
                [factor.to_owned(), method.name.clone(), state.to_owned(), used]
            })
            .collect();
        let methods = table(["METHOD", "NAME", "STATE", "LAST USED"], &rows);
        format!("{}\n\n{methods}", table(["", ""], &facts).trim_start())
    })
}

fn yes(fact: bool) -> String {
    if fact { "yes" } else { "no" }.to_owned()
}

fn methods(holding: &Holding) -> Vec<serde_json::Value> {
    let view = |method: &nightlatch_core::methods::Method| {
        json!({
            "id": method.id,
            "type": method.factor.as_str(),
            "name": method.name,
            "state": method.state.as_str(),
            "created_at": time(method.created_at),
            "last_used_at": method.last_used_at.map(time),
        })
    };
    holding.methods.iter().map(view).collect()
}

async fn set_standing(env: &Env, args: &One, standing: Standing) -> Result<(), Failure> {
    let account = users::find(env, &args.who).await?;
    let changed = users::set_standing(env, &account, standing).await?;
    let email = &account.email;
    args.form.print(&json!({ "id": account.id, "changed": changed }), || {
        match (standing, changed) {
            (Standing::Disabled, true) => format!("{email} is disabled, and every session ended."),
            (Standing::Disabled, false) => format!("{email} was disabled already."),
            (Standing::Active, true) => format!("{email} may sign in again."),
            (Standing::Active, false) => format!("{email} was not disabled."),
        }
    })
}

async fn reset(env: &Env, args: &One) -> Result<(), Failure> {
    let account = users::find(env, &args.who).await?;
    let (id, email) = (account.id, account.email.clone());
    users::reset_methods(env, account).await?;
    if args.form.json {
        return args.form.print(&json!({ "id": id, "reset": true }), String::new);
    }
    say(&format!(
        "{email} has no second factor any more, and every session ended. The password alone signs \
         in until a new one is enrolled."
    ))
}
