//! Runbooks: find one, read it, propose a run of it. Wide screens show list and runbook side by side, small ones the
//! runbook below the list as far as there is room.

mod rows;

use super::listing::{self, Listing, Pressed};
use super::past::Past;
use super::propose::Propose;
use super::{Face, Screen};
use crate::console::bookmark::Kept;
use crate::console::commands::PaletteAct;
use crate::console::effect::{Do, Stage, Want, over, push};
use crate::console::filter::Key;
use crate::console::footer::{Foot, foot};
use crate::console::keymap::{Act, Anywhere, Motion, RowAct, Scope};
use crate::console::layout::{beside, inset};
use crate::console::model::Cx;
use crate::console::msg::Answer;
use crate::console::overlays::Overlay;
use crate::console::overlays::menu::{Choice, Item, Menu};
use crate::console::overlays::sheet::{self, Sheet};
use crate::console::theme::Role;
use crate::console::widgets::page::Page;
use crate::console::widgets::paint::{Paint, below, top};
use crate::console::widgets::table::{Row, Table, rows_in};
use crate::console::{facts, glyph, pages, safe, words};
use crate::domain::query::{Fetch, Fetched, Preset};
use crate::domain::runbook::Runbook;
use crate::domain::{RunbookId, WorkspaceId, selector};
use crate::terminal::line::Safe;
use ratatui::layout::{Position, Rect};
use rows::{Line, Sort};
use std::sync::Arc;

/// From this width on the runbook stands beside the list.
const WIDE_COLUMNS: u16 = 120;

/// Rows a runbook needs below the list to be worth showing.
const PAGE_ROWS_MIN: u16 = 6;

const KEYS: &[Key] = &[Key::Runbook, Key::Kind, Key::Impact, Key::State, Key::Owner];

/// Runbooks, and one of them in full.
#[derive(Debug, Default)]
pub struct Runbooks {
    list: Listing<RunbookId>,
    sort: Sort,
    pane: Pane,
    page: Page,
    /// The runbook a workspace is being chosen for.
    proposing: Option<RunbookId>,
    drafts: Vec<Preset>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Pane {
    #[default]
    List,
    Page,
}

struct Parts {
    list: Rect,
    rule: Rect,
    page: Rect,
}

impl Runbooks {
    fn lines(&self, cx: &Cx<'_>) -> (Vec<Line>, usize) {
        let all = rows::all(cx, self.sort);
        let count = all.len();
        let shown = self.list.filter().select(&all);
        let mut all: Vec<Option<Line>> = all.into_iter().map(Some).collect();
        (shown.into_iter().filter_map(|nth| all.get_mut(nth)?.take()).collect(), count)
    }

    fn ids(&self, cx: &Cx<'_>) -> Vec<RunbookId> {
        self.lines(cx).0.into_iter().map(|line| line.runbook.id.clone()).collect()
    }

    fn selected(&self, cx: &Cx<'_>) -> Option<Arc<Runbook>> {
        let ids = self.ids(cx);
        let id = self.list.pick.of(&ids)?;
        cx.world.site.as_ref()?.runbooks.get(id).cloned()
    }

    fn parts(&self, cx: &Cx<'_>, rows: usize) -> Parts {
        let body = cx.areas.body;
        if body.width >= WIDE_COLUMNS {
            let (list, page) = beside(inset(below(body, 0)), body.width * 9 / 20);
            return Parts { list: below(list, 1), rule: top(page, 1), page: below(page, 1) };
        }
        let area = inset(body);
        let wanted = u16::try_from(rows + 1).unwrap_or(u16::MAX).max(2);
        let room = area.height.saturating_sub(1);
        // A long list keeps half the room; a short one only what it needs.
        let high = match room.checked_sub(wanted).filter(|left| *left > PAGE_ROWS_MIN) {
            Some(_) => wanted,
            None => wanted.min(room - room.min(PAGE_ROWS_MIN + 1).min(room / 2)),
        };
        let list = top(below(area, 1), high);
        let under = below(area, 1 + high);
        Parts { list, rule: top(under, 1), page: below(under, 1) }
    }

    /// Shows what is selected, from its start.
    fn show(&mut self, cx: &Cx<'_>) {
        self.page = Page::new(self.selected(cx).map(|runbook| pages::runbook::parts(cx, &runbook)).unwrap_or_default());
    }

    fn propose(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        let Some(runbook) = self.selected(cx) else {
            return vec![Do::Say("select a runbook first".to_owned())];
        };
        let places = facts::workspaces(cx.world, cx.me());
        let mut fits: Vec<_> = places
            .iter()
            .map(|place| {
                (place, selector::resolve(&runbook.targets.select, &place.servers).map_or(0, |found| found.len()))
            })
            .collect();
        // Where it can run comes first, and the pointer with it.
        fits.sort_by_key(|(_, hosts)| *hosts == 0);
        let mut with_hosts = fits.iter().filter(|(_, hosts)| *hosts > 0);
        match (with_hosts.next(), with_hosts.next()) {
            (None, _) => vec![Do::Say(format!(
                "no server of your workspaces matches {}: an empty match is never \"all\"",
                runbook.targets.select
            ))],
            (Some((only, _)), None) => form(cx, &runbook.id, &only.id),
            (Some(_), Some(_)) => {
                self.proposing = Some(runbook.id.clone());
                let item = |(place, hosts): &(&&Arc<crate::domain::workspace::Workspace>, usize)| {
                    let mark = glyph::environment(place.environment);
                    let detail = match hosts {
                        0 => format!("no host matches {}", runbook.targets.select),
                        n => words::count(*n, "host", "hosts"),
                    };
                    Item {
                        mark: Some(mark),
                        label: safe!("{}", place.id),
                        detail: Safe::new(detail),
                        choice: Choice::Named(place.id.to_string()),
                    }
                };
                let items = fits.iter().map(item).collect();
                vec![over(Overlay::Menu(Menu::new(safe!("{} where?", runbook.id), items)))]
            }
        }
    }

    fn row(&mut self, cx: &Cx<'_>, act: RowAct) -> Vec<Do> {
        let selected = self.selected(cx);
        let none = || vec![Do::Say("select a runbook first".to_owned())];
        match act {
            RowAct::New => self.propose(cx),
            RowAct::Open | RowAct::Describe => selected.map_or_else(none, |runbook| {
                let sheet = Sheet::new(safe!("{}", runbook.id), pages::runbook::parts(cx, &runbook)).proposes();
                vec![over(Overlay::Sheet(sheet))]
            }),
            RowAct::Raw => selected.map_or_else(none, |runbook| vec![sheet::source(&runbook)]),
            RowAct::Filter => vec![self.list.ask_filter()],
            RowAct::Sort => {
                self.sort = self.sort.next();
                vec![Do::Say(format!("sorted by {}", self.sort.word()))]
            }
            RowAct::Mark => {
                let ids = self.ids(cx);
                self.list.toggle_mark(&ids, rows_in(self.parts(cx, ids.len()).list));
                self.show(cx);
                Vec::new()
            }
            RowAct::EditDraft => vec![Do::Fetch(Want::Drafts, Fetch::Drafts(cx.me().clone()))],
            RowAct::LastRun | RowAct::Log => match selected.and_then(|runbook| rows::last_good(cx, &runbook.id)) {
                Some(last) => vec![push(Screen::Past(Box::new(Past::of(last.run))))],
                None => vec![Do::Say("no good run of it yet".to_owned())],
            },
        }
    }

    fn open_drafts(&mut self, cx: &Cx<'_>, drafts: &[Preset]) -> Vec<Do> {
        self.drafts = drafts.to_vec();
        if drafts.is_empty() {
            return vec![Do::Say("no form was left unfinished".to_owned())];
        }
        let item = |(nth, draft): (usize, &Preset)| {
            let place = cx.world.workspace(&draft.proposal.workspace);
            let ticket = &draft.proposal.ticket;
            Item {
                mark: place.map(|place| glyph::environment(place.environment)),
                label: safe!("{} in {}", draft.proposal.runbook, draft.proposal.workspace),
                detail: safe!("{}", if ticket.is_empty() { draft.proposal.reason.as_str() } else { ticket }),
                choice: Choice::Draft(nth),
            }
        };
        let items = drafts.iter().enumerate().map(item).collect();
        vec![over(Overlay::Menu(Menu::new("unfinished forms", items)))]
    }
}

fn form(cx: &Cx<'_>, runbook: &RunbookId, workspace: &WorkspaceId) -> Vec<Do> {
    match Propose::new(cx, runbook, workspace) {
        Some(form) => vec![push(Screen::Propose(Box::new(form)))],
        None => vec![Do::Say(format!("{runbook} or {workspace} is not there any more"))],
    }
}

impl Face for Runbooks {
    fn scope(&self) -> Scope {
        Scope::Runbooks
    }

    fn crumbs(&self, _: &Cx<'_>) -> Vec<Safe> {
        vec![Safe::new("Runbooks")]
    }

    fn kept(&self) -> Kept {
        self.list.kept()
    }

    fn restore(&mut self, cx: &Cx<'_>, kept: &Kept) {
        self.list.restore(cx, kept, KEYS, |text| Some(RunbookId::new(text)));
    }

    fn foot(&self, cx: &Cx<'_>) -> Vec<Foot> {
        vec![
            foot(Act::Row(RowAct::New)).locked(facts::looks_only(cx.world, cx.me(), None)),
            foot(Act::Row(RowAct::Open)).says("read"),
            foot(Act::Row(RowAct::Filter)),
            foot(Act::Row(RowAct::Sort)),
            foot(Act::Row(RowAct::Raw)),
            foot(Act::Row(RowAct::EditDraft)),
            foot(Act::Anywhere(Anywhere::Help)),
        ]
    }

    fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect) {
        let (lines, all) = self.lines(cx);
        let ids: Vec<RunbookId> = lines.iter().map(|line| line.runbook.id.clone()).collect();
        let parts = self.parts(cx, lines.len());
        let head = Rect { height: 1, y: area.y, ..parts.list };
        paint.rule(head, "runbooks", self.list.count(lines.len(), all));
        if lines.is_empty() {
            let none = ["No runbooks yet.", "`quarterdeck init DIR` writes a site with a first one under runbooks/."];
            self.list.nothing(paint, parts.list, &none);
            return;
        }
        let columns = rows::Columns::of(&lines, parts.list.width);
        let heads = columns.heads(self.sort);
        let table = Table {
            heads: &heads,
            len: lines.len(),
            top: self.list.pick.top(&ids, rows_in(parts.list)),
            selected: self.list.pick.index(&ids),
        };
        table.view(paint, parts.list, |nth| match lines.get(nth) {
            Some(line) => columns.row(line, self.list.mark(&line.runbook.id)),
            None => Row::plain(Vec::new()),
        });
        if parts.page.height == 0 {
            return;
        }
        let role = if self.pane == Pane::Page { Role::Accent } else { Role::Title };
        let title = self.list.pick.of(&ids).map(|id| safe!("{id}")).unwrap_or_default();
        paint.rule_of(parts.rule, role, title, self.page.standing(parts.page).words());
        self.page.view(paint, parts.page);
    }

    fn enter(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        self.show(cx);
        Vec::new()
    }

    fn act(&mut self, cx: &Cx<'_>, act: Act) -> Vec<Do> {
        match act {
            Act::Motion(Motion::Left) => self.pane = Pane::List,
            Act::Motion(Motion::Right) => self.pane = Pane::Page,
            Act::Motion(motion) => {
                let ids = self.ids(cx);
                let parts = self.parts(cx, ids.len());
                match self.pane {
                    Pane::List => {
                        self.list.go(&ids, motion, rows_in(parts.list));
                        self.show(cx);
                    }
                    Pane::Page => self.page.scroll(motion, parts.page),
                }
            }
            Act::Row(act) => return self.row(cx, act),
            Act::Anywhere(_)
            | Act::Go(_)
            | Act::Approval(_)
            | Act::Run(_)
            | Act::Log(_)
            | Act::Decide(_)
            | Act::Form(_)
            | Act::Task(_)
            | Act::Line(_) => {}
        }
        Vec::new()
    }

    fn back(&mut self, cx: &Cx<'_>) -> Option<Vec<Do>> {
        if self.pane == Pane::Page {
            self.pane = Pane::List;
            return Some(Vec::new());
        }
        let cleared = self.list.clear_filter();
        self.show(cx);
        cleared.then(Vec::new)
    }

    fn line(&mut self, cx: &Cx<'_>, stage: Stage, text: &str) -> Vec<Do> {
        let todo = self.list.line(cx, stage, text, KEYS);
        self.show(cx);
        todo
    }

    fn picked(&mut self, cx: &Cx<'_>, choice: &Choice) -> Vec<Do> {
        match choice {
            Choice::Named(workspace) => match self.proposing.take() {
                Some(runbook) => form(cx, &runbook, &WorkspaceId::new(workspace)),
                None => Vec::new(),
            },
            Choice::Draft(nth) => match self.drafts.get(*nth).and_then(|draft| Propose::resume(cx, &draft.proposal)) {
                Some(form) => vec![push(Screen::Propose(Box::new(form)))],
                None => vec![Do::Say("its runbook or workspace is not there any more".to_owned())],
            },
            Choice::Propose => self.propose(cx),
            Choice::Stop(_)
            | Choice::Answer(_)
            | Choice::Back(_)
            | Choice::Became(_)
            | Choice::Withdraw
            | Choice::Accept(_)
            | Choice::Wherever(_)
            | Choice::Preset(_) => Vec::new(),
        }
    }

    fn fetched(&mut self, cx: &Cx<'_>, want: Want, answer: &Answer) -> Vec<Do> {
        match (want, answer) {
            (Want::Drafts, Answer::Plain(Fetched::Drafts(drafts))) => self.open_drafts(cx, drafts),
            (_, Answer::Plain(Fetched::Failed(why))) => vec![Do::Say(format!("not read: {why}"))],
            (_, Answer::Plain(_) | Answer::Log(_)) => Vec::new(),
        }
    }

    fn world(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        let ids = self.ids(cx);
        self.list.pick.settle(&ids);
        // The text may have changed under the reader; where they stand in it has not.
        let parts = self.selected(cx).map(|runbook| pages::runbook::parts(cx, &runbook)).unwrap_or_default();
        self.page.replace(parts);
        Vec::new()
    }

    fn pressed(&mut self, cx: &Cx<'_>, at: Position) -> Vec<Do> {
        let ids = self.ids(cx);
        let parts = self.parts(cx, ids.len());
        if parts.page.contains(at) {
            self.pane = Pane::Page;
            return Vec::new();
        }
        self.pane = Pane::List;
        if !parts.list.contains(at) {
            return Vec::new();
        }
        match self.list.pressed(&ids, parts.list, at) {
            Pressed::Again => self.row(cx, RowAct::Open),
            Pressed::Selected => {
                self.show(cx);
                Vec::new()
            }
            Pressed::Beside => Vec::new(),
        }
    }

    fn pointed(&mut self, cx: &Cx<'_>, at: Position) {
        let rows = self.ids(cx).len();
        self.pane = if self.parts(cx, rows).page.contains(at) { Pane::Page } else { Pane::List };
    }

    fn ran(&self, cx: &Cx<'_>) -> Option<Sheet> {
        let runbook = self.selected(cx)?;
        Some(Sheet::new(safe!("what {} runs", runbook.id), pages::runbook::commands(&runbook)))
    }

    fn palette(&mut self, cx: &Cx<'_>, act: &PaletteAct) -> Vec<Do> {
        let (lines, _) = self.lines(cx);
        let ids: Vec<RunbookId> = lines.iter().map(|line| line.runbook.id.clone()).collect();
        let text = |id: &RunbookId| lines.iter().find(|line| line.runbook.id == *id).map(Line::text);
        listing::hand_out(act, self.list.chosen(&ids).filter_map(text))
    }
}
