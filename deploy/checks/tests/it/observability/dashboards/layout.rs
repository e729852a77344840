//! Where panels are: on a grid of 24 columns, none upon another, each with a name of its own.

use std::collections::HashSet;

use serde_json::Value;

use super::{Dashboard, all, list, word};

const COLUMNS: u64 = 24;

#[test]
fn every_panel_has_an_id_and_a_title_of_its_own() {
    for dashboard in all() {
        let (mut ids, mut titles) = (HashSet::new(), HashSet::new());
        let rows = list(&dashboard.json["panels"]).iter().filter(|panel| panel["type"] == "row");
        let panels = dashboard.panels();
        for panel in panels.iter().map(|panel| &panel.json).chain(rows) {
            assert!(ids.insert(panel["id"].as_u64().expect("a number")), "{panel:?}");
            // A row may be called like its only panel.
            let title = (panel["type"] == "row", word(&panel["title"]));
            assert!(titles.insert(title), "{}: two panels {title:?}", dashboard.file);
        }
    }
}

#[test]
fn panels_fill_their_lines_and_do_not_overlap() {
    for dashboard in all() {
        // A closed row covers what is below it: its panels share their places with the rows that follow.
        let (closed, open): (Vec<_>, Vec<_>) =
            list(&dashboard.json["panels"]).iter().partition(|panel| panel["collapsed"] == true);
        free_of_overlap(dashboard.file, &[&closed[..], &open[..]].concat());
        for row in closed {
            free_of_overlap(dashboard.file, &list(&row["panels"]).iter().collect::<Vec<_>>());
        }
    }
}

fn free_of_overlap(file: &str, panels: &[&Value]) {
    let mut taken = HashSet::new();
    for panel in panels {
        let [x, y, w, h] =
            ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().expect("a number"));
        assert!(w > 0 && h > 0 && x + w <= COLUMNS, "{file}: {} is too wide", panel["title"]);
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{file}: {} lies upon another", panel["title"]);
        }
    }
    // Lines are full, so that no page looks as if something were missing.
    for y in taken.iter().map(|cell| cell.1).collect::<HashSet<_>>() {
        let width = taken.iter().filter(|cell| cell.1 == y).count();
        assert_eq!(width as u64, COLUMNS, "{file}: line {y} has a hole");
    }
}

#[test]
fn only_the_first_rows_of_a_dashboard_ask_for_figures_at_once() {
    for dashboard in all() {
        let rows = list(&dashboard.json["panels"]).iter().filter(|panel| panel["type"] == "row");
        let closed: Vec<_> = rows.map(|row| row["collapsed"] == true).collect();
        assert!(closed.is_sorted(), "{}: open rows come first", dashboard.file);
        assert!(closed.iter().filter(|closed| !**closed).count() <= 4, "{}", dashboard.file);
    }
}

#[test]
fn the_dashboards_share_their_settings_and_lead_to_each_other() {
    let dashboards = all();
    let uids: HashSet<_> = dashboards.iter().map(|one| word(&one.json["uid"])).collect();
    assert_eq!(uids.len(), dashboards.len());
    for Dashboard { file, json } in &dashboards {
        assert!((8..=40).contains(&word(&json["uid"]).len()), "{file}");
        // A number would be of somebody's own Grafana.
        assert_eq!(json["id"], Value::Null, "{file}");
        assert!((39..=41).contains(&json["schemaVersion"].as_u64().unwrap()), "{file}");
        let settings =
            ["editable", "graphTooltip", "refresh"].map(|setting| json[setting].to_string());
        assert_eq!(settings, ["false", "1", "\"10s\""], "{file}");
        assert_eq!(json["time"]["from"], "now-30m", "{file}");
        let link = &json["links"][0];
        let kept = ["keepTime", "includeVars"].map(|what| link[what] == true);
        assert_eq!((kept, &link["tags"]), ([true; 2], &json["tags"]), "{file}");
    }
}
