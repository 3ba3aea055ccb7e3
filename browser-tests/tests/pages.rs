//! The pages of the demo, as people see them.

#![forbid(unsafe_code)]

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    path::PathBuf,
    time::{Duration, Instant},
};

use browser_tests::{Browser, Screen, Service};
use cache_core::{Cache, CacheBuilder};
use cache_redis::RedisTier;
use library_demo::{Database, TrackId};
use redis_tests::Server;
use serde_json::json;

/// No script failed, all files were found, and all are of the service.
async fn assert_clean(browser: &Browser, service: &Service) {
    assert_eq!(browser.console().await, [""; 0]);
    let requests = browser.requests().await;
    assert!(requests.len() > 3, "{requests:?}");
    let elsewhere: Vec<_> =
        requests.iter().filter(|url| !url.starts_with(&service.url("/")) && !is_of_browser(url)).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
}

/// Its pages of a new window.
fn is_of_browser(url: &str) -> bool {
    ["data:", "chrome:", "chrome-untrusted:", "about:"].iter().any(|scheme| url.starts_with(scheme))
}

/// A file to look at.
fn screenshot(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../target/screenshots/{name}.png"))
}

const LOADED: &str = "document.querySelectorAll('.track').length === 25 && !document.querySelector('[aria-busy]')";

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_shows_a_play_within_a_second() {
    let (service, browser) = (Service::start().await, Browser::start().await);
    browser.open(&service.url("/cache"), Screen::WIDE).await;
    browser.wait_until("document.querySelector('#state').textContent === 'live'").await;
    let cache = browser.open_window().await;
    browser.open(&service.url("/"), Screen::WIDE).await;
    browser.wait_until(LOADED).await;

    let clicked = Instant::now();
    browser.click(".track[data-id='5'] .play").await;
    browser.switch_to(cache).await;
    let mutation = "document.querySelector('#mutations li:first-child')?.textContent ?? ''";
    browser.wait_until(&format!("({mutation}).startsWith('record_track_play')")).await;
    assert!(clicked.elapsed() < Duration::from_secs(1), "{:?}", clicked.elapsed());

    let text = browser.run(&format!("return {mutation}")).await;
    for target in ["get_popular_tracks", "get_recent_tracks", "get_all_tracks", "one key of get_track"] {
        assert!(text.as_str().unwrap().contains(target), "{text}");
    }
    let lit = "[...document.querySelectorAll('.node.lit text')].map(node => node.textContent).sort().join()";
    let play = "get_all_tracks,get_popular_tracks,get_recent_tracks,get_track,record_track_play";
    browser.wait_until(&format!("{lit} === '{play}'")).await;
    assert_eq!(browser.run("return document.querySelectorAll('.edge.lit').length").await, json!(4));
    // The page asked again for what it shows.
    let miss = "[...document.querySelectorAll('#last li')].find(li => li.textContent.includes('get_all_tracks'))";
    browser.wait_until(&format!("{miss}?.textContent.includes('invalidated by record_track_play')")).await;
    browser.wait_until(&format!("({mutation}).includes('1 call missed because of it')")).await;
    assert_clean(&browser, &service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_tracks_while_one_types() {
    let (service, browser) = (Service::start().await, Browser::start().await);
    browser.open(&service.url("/"), Screen::WIDE).await;
    browser.wait_until(LOADED).await;
    browser.type_into("#search", "princess of").await;
    browser.wait_until("document.querySelectorAll('.track').length === 1").await;
    browser.wait_until("document.querySelector('.track .title').textContent === 'Princess of the Dawn'").await;
    browser.wait_until("document.querySelector('#summary').textContent === '1 track with “princess of”'").await;
    // It was not asked for each letter.
    let asked = browser.requests().await.iter().filter(|url| url.contains("/api/search")).count();
    assert!((1..6).contains(&asked), "{asked}");

    // The way back and a reload show the same.
    browser.open(&service.url("/?q=no%20such%20track"), Screen::WIDE).await;
    browser.wait_until("document.querySelector('.empty')?.textContent === 'No track matches.'").await;
    browser.click("[data-view='tracks']").await;
    browser.wait_until(LOADED).await;
    browser.click("#next").await;
    browser.wait_until("document.querySelector('#position').textContent === 'Page 2 of 141'").await;
    browser.wait_until("document.querySelector('.track').dataset.id === '26'").await;
    assert_eq!(browser.run("return location.search").await, json!("?page=2"));
    assert_clean(&browser, &service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tracks_are_added_edited_marked_bought_and_deleted() {
    let (service, browser) = (Service::start().await, Browser::start().await);
    browser.open(&service.url("/"), Screen::WIDE).await;
    browser.wait_until(LOADED).await;

    browser.click("#add").await;
    browser.type_into("#form [name='title']", "Ägypten <b>").await;
    browser.type_into("#form [name='artist']", "Nobody\n").await;
    browser.wait_until("!document.querySelector('#editor').open").await;
    browser.click("[data-view='recent']").await;
    browser.wait_until("document.querySelector('.track .title')?.textContent === 'Ägypten <b>'").await;

    browser.click(".track:first-child .edit").await;
    browser.run("document.querySelector('#form [name=title]').value = ''").await;
    browser.type_into("#form [name='title']", "Other").await;
    browser.click("#form [type='submit']").await;
    browser.wait_until("document.querySelector('.track .title')?.textContent === 'Other'").await;

    browser.click(".track:first-child .heart").await;
    browser.wait_until("document.querySelector('.track .heart').ariaPressed === 'true'").await;
    browser.click(".track:first-child .heart").await;
    browser.wait_until("document.querySelector('.track .heart').ariaPressed === 'false'").await;

    // A play and a favourite.
    browser.click(".track:first-child .edit").await;
    browser.click("#buy").await;
    browser.wait_until("document.querySelector('.track .plays').textContent === '1 play'").await;
    browser.wait_until("document.querySelector('.track .heart').ariaPressed === 'true'").await;

    browser.click(".track:first-child .edit").await;
    browser.click("#delete").await;
    browser.wait_until("document.querySelector('#delete').textContent === 'Really delete?'").await;
    assert_eq!(browser.run("return document.querySelector('#editor').open").await, json!(true));
    browser.click("#delete").await;
    browser.wait_until("document.querySelector('.track .title')?.textContent !== 'Other'").await;
    browser.click("[data-view='favorites']").await;
    browser.wait_until("document.querySelector('.empty')?.textContent.startsWith('No favourites yet')").await;
    assert_clean(&browser, &service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_buttons_of_the_cache_forget_and_bypass() {
    let (service, browser) = (Service::start().await, Browser::start().await);
    browser.open(&service.url("/"), Screen::WIDE).await;
    browser.wait_until(LOADED).await;
    browser.open(&service.url("/cache"), Screen::WIDE).await;
    browser.wait_until("document.querySelectorAll('#entry-list tr').length === 2").await;
    let first_mutation = "(document.querySelector('#mutations li .head code')?.textContent ?? '')";

    browser.click("#queries [aria-label='Forget get_all_tracks']").await;
    browser.wait_until(&format!("{first_mutation} === 'invalidate'")).await;
    browser.wait_until("document.querySelectorAll('#entry-list tr').length === 1").await;
    browser.click("#forget").await;
    browser.wait_until(&format!("{first_mutation} === 'invalidate_all'")).await;
    browser.wait_until("document.querySelector('#entries').textContent === '0'").await;
    browser.click("#purge").await;

    browser.click("#bypass").await;
    // The page shows what the service says, not only its own click.
    browser.open(&service.url("/cache"), Screen::WIDE).await;
    browser.wait_until("document.querySelector('#bypass').checked").await;
    browser.open(&service.url("/"), Screen::WIDE).await;
    browser.wait_until(LOADED).await;
    browser.open(&service.url("/cache"), Screen::WIDE).await;
    let row = "[...document.querySelectorAll('#queries tr')].find(row => row.textContent.includes('get_all_tracks'))";
    browser.wait_until(&format!("{row}?.textContent.includes('bypassed 1')")).await;
    browser.click("#bypass").await;
    browser.open(&service.url("/cache"), Screen::WIDE).await;
    browser.wait_until("document.querySelector('#hits').textContent !== '–'").await;
    assert_eq!(browser.run("return document.querySelector('#bypass').checked").await, json!(false));
    assert_clean(&browser, &service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_shows_a_wrong_answer() {
    let (service, browser) = (Service::start().await, Browser::start().await);
    browser.open(&service.url("/cache"), Screen::WIDE).await;
    browser.wait_until("document.querySelector('#no-findings').textContent.startsWith('No hit was compared')").await;
    let read = "return fetch('/api/tracks/5').then(track => track.json())";
    assert_eq!(browser.run(read).await["plays"], 0);
    // The service does not know of this play.
    Database::open(service.file()).unwrap().record_track_play(TrackId(5)).unwrap();
    assert_eq!(browser.run(read).await["plays"], 0);

    let finding = "document.querySelector('#findings li')?.innerText ?? ''";
    browser.wait_until(&format!("({finding}).startsWith('get_track(id = TrackId(5))')")).await;
    let text = browser.run(&format!("return {finding}")).await;
    let text = text.as_str().unwrap();
    assert!(text.contains("plays: 0") && text.contains("plays: 1") && text.contains("No mutation ran"), "{text}");
    assert_eq!(browser.run("return document.querySelector('#no-findings').hidden").await, json!(true));
    browser.run("document.querySelector('#findings').scrollIntoView({ block: 'center' })").await;
    browser.save_screenshot(&screenshot("cache-finding")).await;
    assert_clean(&browser, &service).await;
}

const READ_TRACK_9: &str = "return fetch('/api/tracks/9').then(track => track.json())";

async fn shared_cache(redis: &Server) -> CacheBuilder {
    // For a machine that is busy.
    let tier = RedisTier::builder(redis.url()).max_lag(Duration::from_secs(2)).timeout(Duration::from_secs(2));
    Cache::builder().shared(tier.connect().await.expect("the server runs"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_shows_what_another_process_writes() {
    let (redis, browser) = (Server::start(), Browser::start().await);
    let one = Service::start_with(shared_cache(&redis).await).await;
    let other = one.start_beside(shared_cache(&redis).await).await;
    browser.open(&other.url("/cache"), Screen::WIDE).await;
    browser.wait_until("document.querySelector('#lease').textContent === 'live'").await;
    assert_eq!(browser.run("return document.querySelector('#heard').textContent").await, json!("0"));
    let page = browser.open_window().await;
    browser.open(&one.url("/"), Screen::WIDE).await;
    browser.wait_until(LOADED).await;
    browser.run(READ_TRACK_9).await;
    browser.click(".track[data-id='5'] .play").await;

    browser.switch_to(page).await;
    let mutation = "document.querySelector('#mutations li:first-child')?.textContent ?? ''";
    browser.wait_until(&format!("({mutation}).startsWith('another process')")).await;
    let text = browser.run(&format!("return {mutation}")).await;
    for target in ["get_popular_tracks", "get_recent_tracks", "get_all_tracks", "one key of get_track"] {
        assert!(text.as_str().unwrap().contains(target), "{text}");
    }
    browser.wait_until("document.querySelector('#heard').textContent === '1'").await;
    browser.wait_until("document.querySelector('#lag').textContent.endsWith(' ms')").await;
    let lit = "[...document.querySelectorAll('.node.lit text')].map(node => node.textContent).sort().join()";
    browser.wait_until(&format!("{lit} === 'get_all_tracks,get_popular_tracks,get_recent_tracks,get_track'")).await;
    // The other service has loaded it.
    browser.run(READ_TRACK_9).await;
    browser.wait_until("document.querySelector('#level-hits').textContent === '1'").await;

    drop(redis);
    browser.wait_until("document.querySelector('#lease').textContent.startsWith('not live')").await;
    assert_eq!(browser.console().await, [""; 0]);
    for (name, screen) in [("wide", Screen::WIDE), ("phone", Screen::PHONE), ("phone-dark", Screen::PHONE.dark())] {
        browser.open(&other.url("/cache"), screen).await;
        browser.wait_until("!document.querySelector('#others').hidden").await;
        let shift = browser.run(SHIFT).await.as_f64().unwrap();
        assert!(shift < 0.1, "{name}: {shift}");
        let overflow = browser.run("return document.documentElement.scrollWidth - innerWidth").await;
        assert!(overflow.as_i64().unwrap() <= 0, "{name}: {overflow}");
        browser.save_screenshot(&screenshot(&format!("cache-processes-{name}"))).await;
    }
    // Without a tier there is nothing to show.
    let alone = Service::start().await;
    browser.open(&alone.url("/cache"), Screen::WIDE).await;
    browser.wait_until("document.querySelector('#state').textContent === 'live'").await;
    browser.wait_until("document.querySelector('#hits').textContent === '0'").await;
    assert_eq!(browser.run("return document.querySelector('#others').hidden").await, json!(true));
}

/// Watches the cache as other pages do, until the service takes no more viewers.
fn take_all_places(service: &Service) -> Vec<BufReader<TcpStream>> {
    let mut viewers = Vec::new();
    loop {
        let mut viewer = TcpStream::connect(service.address()).unwrap();
        write!(viewer, "GET /cache/events HTTP/1.1\r\nHost: {}\r\n\r\n", service.address()).unwrap();
        let (mut viewer, mut status) = (BufReader::new(viewer), String::new());
        viewer.read_line(&mut status).unwrap();
        if status.starts_with("HTTP/1.1 503") {
            return viewers;
        }
        assert!(status.starts_with("HTTP/1.1 200"), "{status}");
        viewers.push(viewer);
    }
}

/// Timers take a hundredth of their time, and `waits` has it in seconds.
const FAST_TIMERS: &str = "{
    const { setTimeout } = window;
    window.waits = [];
    window.setTimeout = (work, wait, ...rest) => {
        waits.push(wait / 1000);
        return setTimeout(work, wait / 100, ...rest);
    };
}";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_offline_tries_again() {
    let (mut service, browser) = (Service::start().await, Browser::start().await);
    let live = "document.querySelector('#state').textContent === 'live'";
    let viewers = take_all_places(&service);
    assert!(viewers.len() > 8);
    browser.run_in_each_page(FAST_TIMERS).await;
    browser.open(&service.url("/cache"), Screen::PHONE).await;
    browser.wait_until("waits.length > 5").await;
    assert_eq!(browser.run("return waits.slice(0, 6)").await, json!([2, 4, 8, 16, 30, 30]));
    let state = browser.run("return document.querySelector('#state').textContent").await;
    assert_eq!(state, json!("offline: retry in 30 s"));
    browser.save_screenshot(&screenshot("cache-offline")).await;

    // There is room again.
    drop(viewers);
    browser.wait_until(live).await;
    browser.wait_until("!document.querySelector('.waiting')").await;
    assert_eq!(browser.run("return document.querySelector('#state').dataset.state").await, json!("live"));
    browser.run("return fetch('/api/tracks/5/play', { method: 'POST' }).then(played => played.status)").await;
    browser.wait_until("document.querySelector('#mutations').textContent.includes('record_track_play')").await;

    // A restart of the service is another outage: the waits begin with the shortest.
    let before = browser.run("return waits.length").await;
    service.stop().await;
    browser.wait_until(&format!("waits.length > {before}")).await;
    assert_eq!(browser.run(&format!("return waits[{before}]")).await, json!(2));
    browser.wait_until("document.querySelector('#state').dataset.state === 'offline'").await;
    service.start_again().await;
    browser.wait_until(live).await;
    browser.wait_until("document.querySelector('#mutations').textContent === ''").await;
    // It was never reloaded.
    assert!(browser.run("return waits.length").await.as_u64() > before.as_u64());
    assert!(browser.console().await.iter().all(|message| message.contains("/cache/events")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_shown() {
    let (service, browser) = (Service::start().await, Browser::start().await);
    browser.open(&service.url("/"), Screen::WIDE).await;
    browser.wait_until(LOADED).await;
    // Another client has deleted it.
    let deleted =
        browser.run("return fetch('/api/tracks/5', { method: 'DELETE' }).then(answer => answer.status)").await;
    assert_eq!(deleted, json!(204));
    browser.click(".track[data-id='5'] .play").await;
    browser.wait_until("document.querySelector('.toast')?.textContent.startsWith('There is no track 5.')").await;
    browser.click(".toast button").await;
    browser.wait_until("!document.querySelector('.toast')").await;

    drop(service);
    browser.click(".track[data-id='6'] .play").await;
    browser
        .wait_until("document.querySelector('.toast')?.textContent.startsWith('The service does not answer.')")
        .await;
    browser.click(".toast button").await;
    browser.click("#next").await;
    browser
        .wait_until("document.querySelector('.empty')?.textContent.startsWith('The service does not answer.')")
        .await;
}

// Keys, as the driver takes them.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";

/// What can be clicked or typed into and has no name for people who hear the page.
const NAMELESS: &str = "return [...document.querySelectorAll('button, input, a, [role=switch]')]
    .filter(control => !(control.ariaLabel || control.textContent.trim() || control.labels?.[0]?.textContent.trim()))
    .map(control => control.outerHTML)";

#[tokio::test(flavor = "multi_thread")]
async fn pages_work_with_a_keyboard() {
    let (service, browser) = (Service::start().await, Browser::start().await);
    browser.open(&service.url("/"), Screen::WIDE).await;
    browser.wait_until(LOADED).await;
    assert_eq!(browser.run(NAMELESS).await, json!([]));

    // From the search over "Add track", the four lists and the first row's buttons.
    browser.type_into("#search", &TAB.repeat(6)).await;
    assert_eq!(
        browser.run("return document.activeElement.ariaLabel").await,
        json!("Play For Those About To Rock (We Salute You)")
    );
    browser.type_into(":focus", ENTER).await;
    browser.wait_until("document.querySelector('#now').textContent.includes('1 play')").await;
    browser.wait_until(LOADED).await;
    // The list was loaded again, and the focus is where it was.
    assert_eq!(browser.run("return document.activeElement.className").await, json!("icon play"));
    browser.type_into(":focus", &format!("{TAB}{TAB}")).await;
    browser.type_into(":focus", ENTER).await;
    browser.wait_until("document.activeElement.name === 'title'").await;
    assert_eq!(browser.run(NAMELESS).await, json!([]));
    browser.type_into(":focus", ESCAPE).await;
    browser.wait_until("!document.querySelector('#editor').open").await;

    browser.open(&service.url("/cache"), Screen::WIDE).await;
    browser.wait_until("document.querySelector('#entry-list tr')").await;
    assert_eq!(browser.run(NAMELESS).await, json!([]));
    assert_clean(&browser, &service).await;
}

/// The sum of the layout shifts of a page that nobody has touched.
const SHIFT: &str = "return new Promise(resolve => new PerformanceObserver(list => resolve(
    list.getEntries().filter(entry => !entry.hadRecentInput).reduce((sum, entry) => sum + entry.value, 0)
)).observe({ type: 'layout-shift', buffered: true }) || setTimeout(() => resolve(0), 300))";

#[tokio::test(flavor = "multi_thread")]
async fn pages_fit_phones_and_the_dark() {
    let (service, browser) = (Service::start().await, Browser::start().await);
    // Something to show.
    browser.open(&service.url("/"), Screen::WIDE).await;
    browser.wait_until(LOADED).await;
    for view in ["popular", "recent", "tracks", "recent", "tracks"] {
        browser.click(&format!("[data-view='{view}']")).await;
        browser.wait_until("!document.querySelector('[aria-busy]')").await;
    }
    browser.click(".track[data-id='3'] .edit").await;
    browser.click("#buy").await;
    browser.wait_until("!document.querySelector('#editor').open").await;
    for (track, button) in [(7, "play"), (7, "heart"), (8, "heart"), (7, "play"), (5, "play")] {
        browser.click(&format!(".track[data-id='{track}'] .{button}")).await;
        browser.wait_until(LOADED).await;
        browser
            .run("return Promise.all([5, 7, 5].map(id => fetch(`/api/tracks/${id}`).then(track => track.text())))")
            .await;
    }
    browser.type_into("#search", "love").await;
    browser.wait_until("document.querySelector('#summary').textContent.includes('with')").await;

    for (page, path) in [("library", "/"), ("cache", "/cache")] {
        let mut brightness = Vec::new();
        for (name, screen) in [
            ("light", Screen::WIDE),
            ("dark", Screen::WIDE.dark()),
            ("phone", Screen::PHONE),
            ("phone-dark", Screen::PHONE.dark()),
        ] {
            browser.open(&service.url(path), screen).await;
            let ready = if path == "/" { LOADED } else { "document.querySelector('#entry-list tr')" };
            browser.wait_until(ready).await;
            let shift = browser.run(SHIFT).await.as_f64().unwrap();
            // What browsers call good is below 0.1.
            assert!(shift < 0.1, "{page}, {name}: {shift}");
            let overflow = browser.run("return document.documentElement.scrollWidth - innerWidth").await;
            assert!(overflow.as_i64().unwrap() <= 0, "{page}, {name}: {overflow}");
            let red = "return Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])";
            brightness.push(browser.run(red).await.as_u64().unwrap());
            browser.save_screenshot(&screenshot(&format!("{page}-{name}"))).await;
        }
        let [light, dark, phone, phone_dark] = brightness.try_into().unwrap();
        assert!(light == phone && dark == phone_dark && light > 200 && dark < 60, "{page}: {light}, {dark}");
    }
    for (name, screen) in [("below", Screen::WIDE), ("below-phone", Screen::PHONE)] {
        browser.open(&service.url("/cache"), screen).await;
        browser.wait_until("document.querySelector('#entry-list tr')").await;
        browser.run("scrollTo(0, document.body.scrollHeight)").await;
        browser.save_screenshot(&screenshot(&format!("cache-{name}"))).await;
    }
    browser.open(&service.url("/"), Screen::PHONE).await;
    browser.wait_until(LOADED).await;
    browser.click(".track .edit").await;
    browser.save_screenshot(&screenshot("library-editor")).await;
    assert_clean(&browser, &service).await;
}
