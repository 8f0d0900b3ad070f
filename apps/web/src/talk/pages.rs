//! Posts in pages. A page shows the posts around those that somebody reads; the others are blank space of their height.
//!
//! # How it works
//! Pages lie side by side, from the earliest one that was reached to the newest post. Each begins behind a post, and ends where
//! the next one begins, so posts that arrive late belong to a page too. [`Pages::look`] decides by the place of the window which
//! pages show posts, and adds an earlier page near the beginning. A page that leaves keeps its measured height, so nothing that
//! is read moves. While the newest post is in the window, earlier pages are dropped.
//!
//! # Limits
//! A page has [`PAGE`] posts, and up to twice as many if posts arrive late. At most [`SHOWN_MAX`] pages show posts.

use std::ops::Range;

use meshwork_chat::{Post, PostId};
use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;

/// Posts of a page: some screens.
pub const PAGE: usize = 60;
/// Pages that show posts at a time. A window with the space around it has fewer.
pub const SHOWN_MAX: usize = 8;
/// Pixels beside the window within which pages show posts: a page is there before somebody scrolls to it.
const NEAR: f64 = 800.0;
/// Pixels beside the window beyond which a page shows none any more: further, so that no page comes and goes at each step.
const FAR: f64 = 1_500.0;
/// Pixels of a post in a page that was never shown.
const POST_HEIGHT: f64 = 40.0;

/// Posts of a conversation as a list reads them, the earliest first.
pub trait Source {
    /// The earliest posts after this one, or of all; at most `most`.
    fn after(&self, post: Option<&Post>, most: usize) -> Vec<Post>;
    /// The newest posts before this one, or of all; at most `most`.
    fn before(&self, post: Option<&Post>, most: usize) -> Vec<Post>;
}

/// Tells a page from others.
pub type PageId = u32;

/// The place of the window, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// From the lower edge of the window to the end of the newest post.
    pub from_end: f64,
    /// The height of the window.
    pub height: f64,
}

/// The pages of a conversation.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    /// The earliest first; the last one reaches to the newest post.
    known: Vec<Page>,
    /// Those that show posts.
    shown: Range<usize>,
    next: PageId,
}

#[derive(Clone, Debug)]
struct Page {
    id: PageId,
    /// The post behind which it begins; `None` for the beginning of the conversation. Its place alone counts.
    after: Option<Post>,
    /// Its posts, when they were read last.
    count: usize,
    /// Its height, once it was measured.
    height: Option<f64>,
}

/// The posts of some pages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// The post before them.
    pub before: Option<Post>,
    /// The posts of each page.
    pub pages: Vec<(PageId, Vec<Post>)>,
}

/// The place of a post among others.
pub fn place(post: &Post) -> (Stamp, PostId, PeerId) {
    (post.stamp, post.id, post.author)
}

/// A post of which the place and the author count.
fn bound(post: &Post) -> Post {
    Post { text: String::new(), files: Vec::new(), reactions: Vec::new(), ..post.clone() }
}

impl Pages {
    /// All pages, the earliest first.
    pub fn ids(&self) -> Vec<PageId> {
        self.known.iter().map(|page| page.id).collect()
    }

    /// Whether there are posts before the first page.
    pub fn has_older(&self) -> bool {
        self.known.first().is_some_and(|page| page.after.is_some())
    }

    /// Whether the newest post is among those that are shown.
    pub fn shows_end(&self) -> bool {
        self.shown.end == self.known.len()
    }

    /// The height of a page, in pixels: as it was measured, or as its posts let expect.
    pub fn height(&self, id: PageId) -> f64 {
        self.known.iter().find(|page| page.id == id).map_or(0.0, |page| self.height_of(page))
    }

    fn height_of(&self, page: &Page) -> f64 {
        page.height.unwrap_or_else(|| page.count as f64 * self.post_height())
    }

    fn post_height(&self) -> f64 {
        let measured = self.known.iter().filter_map(|page| Some((page.height?, page.count)));
        let (height, count) = measured.fold((0.0, 0), |all, page| (all.0 + page.0, all.1 + page.1));
        if count > 0 { height / count as f64 } else { POST_HEIGHT }
    }

    /// Reads the posts that are shown. `is_at_end` says that the end of the newest post is in the window.
    pub fn read(&mut self, source: &impl Source, is_at_end: bool) -> Shown {
        if self.known.is_empty() || is_at_end {
            self.follow_end(source);
        }
        let first = self.known[self.shown.start].after.clone();
        let end = self.known.get(self.shown.end).and_then(|page| page.after.clone());
        let posts = between(source, first.as_ref(), end.as_ref());
        let mut pages: Vec<(PageId, Vec<Post>)> = Vec::new();
        let mut posts = posts.into_iter().peekable();
        for index in self.shown.clone() {
            let end = self.known.get(index + 1).and_then(|page| page.after.as_ref()).map(place);
            let mut of_page = Vec::new();
            while let Some(post) = posts.next_if(|post| end.is_none_or(|end| place(post) <= end)) {
                of_page.push(post);
            }
            pages.push((self.known[index].id, of_page));
        }
        self.split(&mut pages);
        self.drop_empty(&mut pages);
        if pages.is_empty() {
            // Fewer pages are known than before.
            return self.read(source, is_at_end);
        }
        if is_at_end {
            self.drop_early(&mut pages);
        }
        self.shown.end = self.shown.end.min(self.shown.start + SHOWN_MAX);
        pages.truncate(SHOWN_MAX);
        Shown { before: self.known[self.shown.start].after.clone(), pages }
    }

    /// The last pages are shown; anew if more posts came than two pages have.
    fn follow_end(&mut self, source: &impl Source) {
        let newest = source.before(None, 2 * PAGE + 1);
        let begins_among = |page: &Page| {
            let after = page.after.as_ref().map(place);
            newest.len() <= 2 * PAGE || after.is_some_and(|after| place(&newest[0]) <= after)
        };
        if !self.known.last().is_some_and(begins_among) {
            let behind = newest.len().checked_sub(PAGE + 1).map(|place| bound(&newest[place]));
            self.known.clear();
            self.add(0, behind, newest.len().min(PAGE));
            self.shown = 0..1;
        }
        // Earlier pages that were far away show nothing now either.
        self.shown = match self.shows_end() {
            true => self.shown.clone(),
            false => self.known.len() - 1..self.known.len(),
        };
    }

    /// Makes several pages of one that has too many posts.
    fn split(&mut self, pages: &mut Vec<(PageId, Vec<Post>)>) {
        let mut index = 0;
        while let Some((_, posts)) = pages.get_mut(index) {
            let at = self.shown.start + index;
            let most = if at + 1 == self.known.len() { PAGE } else { 2 * PAGE };
            let rest = if posts.len() > most { posts.split_off(PAGE) } else { Vec::new() };
            self.known[at].count = posts.len();
            if !rest.is_empty() {
                let behind = posts.last().map(bound);
                // Its height is another one now.
                self.known[at].height = None;
                let id = self.add(at + 1, behind, rest.len());
                self.shown.end += 1;
                pages.insert(index + 1, (id, rest));
            }
            index += 1;
        }
    }

    /// Drops pages without posts; the page before them reaches further then.
    fn drop_empty(&mut self, pages: &mut Vec<(PageId, Vec<Post>)>) {
        for index in (0..pages.len()).rev() {
            if pages[index].1.is_empty() && self.known.len() > 1 {
                let at = self.shown.start + index;
                let gone = self.known.remove(at);
                pages.remove(index);
                self.shown.end -= 1;
                if at == 0 {
                    self.known[0].after = gone.after;
                }
            }
        }
        if self.shown.is_empty() {
            let last = self.known.len() - 1;
            self.shown = self.shown.start.min(last)..self.shown.start.min(last) + 1;
        }
    }

    /// Drops the pages before those that are shown, of which there may be too many.
    fn drop_early(&mut self, pages: &mut Vec<(PageId, Vec<Post>)>) {
        let surplus = pages.len().saturating_sub(SHOWN_MAX);
        pages.drain(..surplus);
        let first = self.shown.start + surplus;
        self.known.drain(..first);
        self.shown = 0..self.shown.end - first;
    }

    fn add(&mut self, at: usize, after: Option<Post>, count: usize) -> PageId {
        self.next = self.next.wrapping_add(1);
        self.known.insert(at, Page { id: self.next, after, count, height: None });
        self.next
    }

    /// The shown pages have these heights, and the window is here. Returns whether other posts are to be read.
    pub fn look(&mut self, source: &impl Source, view: View, heights: &[(PageId, f64)]) -> bool {
        for (id, height) in heights {
            if let Some(page) = self.known.iter_mut().find(|page| page.id == *id) {
                page.height = Some(*height);
            }
        }
        let top = view.from_end + view.height;
        let mut spans = Vec::with_capacity(self.known.len());
        let mut end = 0.0;
        for page in self.known.iter().rev() {
            let height = self.height_of(page);
            spans.push((end, end + height));
            end += height;
        }
        spans.reverse();
        let is_within =
            |(low, high): (f64, f64), beside: f64| high > view.from_end - beside && low < top + beside;
        let is_wanted = |index: usize| {
            let beside = if self.shown.contains(&index) { FAR } else { NEAR };
            is_within(spans[index], beside)
        };
        let wanted: Vec<usize> = (0..spans.len()).filter(|index| is_wanted(*index)).collect();
        let mut shown = match (wanted.first(), wanted.last()) {
            (Some(first), Some(last)) => *first..last + 1,
            _ => spans.len().saturating_sub(1)..spans.len(),
        };
        let mut has_more = false;
        if shown.start == 0 && end - top < NEAR && self.has_older() {
            has_more = true;
            self.add_earlier(source);
            shown.end += 1;
        }
        if shown.len() > SHOWN_MAX {
            // Those in the window stay.
            let seen = spans.iter().position(|span| is_within(*span, 0.0)).unwrap_or(shown.start);
            let seen = seen + usize::from(has_more);
            shown.start = shown.start.max(seen.saturating_sub(SHOWN_MAX / 2));
            shown.end = shown.end.min(shown.start + SHOWN_MAX);
        }
        let is_other = has_more || shown != self.shown;
        self.shown = shown;
        is_other
    }

    /// Adds a page before the first one.
    fn add_earlier(&mut self, source: &impl Source) {
        let Some(after) = self.known.first().and_then(|page| page.after.clone()) else { return };
        let earlier = source.before(Some(&after), PAGE);
        let is_all = earlier.len() < PAGE;
        let behind = earlier.first().filter(|_| !is_all).map(bound);
        self.add(0, behind, earlier.len().max(1));
        self.shown = self.shown.start + 1..self.shown.end + 1;
    }

    /// The pages around this post are shown from now on, and no others.
    pub fn reach(&mut self, source: &impl Source, post: &Post) {
        if self.known.is_empty() {
            self.follow_end(source);
        }
        let is_before = |page: &Page| page.after.as_ref().is_some_and(|after| place(post) <= place(after));
        while self.known.first().is_some_and(is_before) {
            self.add_earlier(source);
        }
        let at = self.known.iter().rposition(|page| !is_before(page)).unwrap_or_default();
        // Posts stand before it too.
        let at = if at == 0 && self.has_older() {
            self.add_earlier(source);
            1
        } else {
            at
        };
        self.shown = at.saturating_sub(1)..(at + 2).min(self.known.len());
    }
}

/// The posts after one, up to and with another.
fn between(source: &impl Source, after: Option<&Post>, to: Option<&Post>) -> Vec<Post> {
    let to = to.map(place);
    let mut most = 2 * SHOWN_MAX * PAGE;
    loop {
        let mut posts = source.after(after, if to.is_some() { most } else { usize::MAX });
        let is_all = to.is_none() || posts.len() < most;
        let kept = to.map_or(posts.len(), |to| posts.partition_point(|post| place(post) <= to));
        if is_all || kept < posts.len() {
            posts.truncate(kept);
            return posts;
        }
        most *= 2;
    }
}

#[cfg(test)]
mod tests {
    use meshwork_core::time::WallTime;

    use super::*;

    /// Posts in their order.
    struct Posts(Vec<Post>);

    impl Source for Posts {
        fn after(&self, post: Option<&Post>, most: usize) -> Vec<Post> {
            let from = post.map_or(0, |post| self.0.partition_point(|other| place(other) <= place(post)));
            self.0[from..].iter().take(most).cloned().collect()
        }

        fn before(&self, post: Option<&Post>, most: usize) -> Vec<Post> {
            let end =
                post.map_or(self.0.len(), |post| self.0.partition_point(|other| place(other) < place(post)));
            self.0[end.saturating_sub(most)..end].to_vec()
        }
    }

    fn post(at_ms: u64) -> Post {
        let mut id = [0; 14];
        id[..8].copy_from_slice(&at_ms.to_be_bytes());
        Post {
            id: PostId(id),
            author: PeerId([1; 32]),
            at: WallTime::from_millis(at_ms),
            stamp: Stamp::at(WallTime::from_millis(at_ms)),
            is_edited: false,
            is_newer: false,
            text: at_ms.to_string(),
            re: None,
            files: Vec::new(),
            reactions: Vec::new(),
            has_more: false,
            missing: 0,
        }
    }

    fn posts(times: impl IntoIterator<Item = u64>) -> Posts {
        Posts(times.into_iter().map(post).collect())
    }

    /// A window over pages whose posts have heights between 20 and 59 pixels.
    struct Window {
        pages: Pages,
        view: View,
        shown: Shown,
    }

    fn height(post: &Post) -> f64 {
        (20 + post.at.as_millis() * 7 % 40) as f64
    }

    impl Window {
        fn open(source: &Posts) -> Window {
            let view = View { from_end: 0.0, height: 800.0 };
            let mut window = Window { pages: Pages::default(), view, shown: Shown::default() };
            window.refresh(source);
            window
        }

        fn is_at_end(&self) -> bool {
            self.view.from_end == 0.0
        }

        fn refresh(&mut self, source: &Posts) {
            self.shown = self.pages.read(source, self.is_at_end());
            self.settle(source);
        }

        /// What the page does until nothing moves any more.
        fn settle(&mut self, source: &Posts) {
            for _ in 0..40 {
                let of_page = |(id, posts): &(PageId, Vec<Post>)| (*id, posts.iter().map(height).sum());
                let heights: Vec<(PageId, f64)> = self.shown.pages.iter().map(of_page).collect();
                if !self.pages.look(source, self.view, &heights) {
                    return self.check();
                }
                self.shown = self.pages.read(source, self.is_at_end());
            }
            panic!("pages come and go without an end");
        }

        fn check(&self) {
            assert!(self.shown.pages.len() <= SHOWN_MAX);
            assert!(self.shown.pages.iter().all(|(_, posts)| posts.len() <= 2 * PAGE));
            let ids: Vec<PageId> = self.shown.pages.iter().map(|(id, _)| *id).collect();
            assert_eq!(ids, self.pages.ids()[self.pages.shown.clone()]);
        }

        fn scroll(&mut self, source: &Posts, by: f64) {
            let all: f64 = self.pages.known.iter().map(|page| self.pages.height_of(page)).sum();
            self.view.from_end = (self.view.from_end + by).clamp(0.0, (all - self.view.height).max(0.0));
            self.settle(source);
        }

        /// The posts in the window.
        fn seen(&self) -> Vec<u64> {
            let mut end: f64 =
                self.pages.known[self.pages.shown.end..].iter().map(|page| self.pages.height_of(page)).sum();
            let mut seen = Vec::new();
            for post in self.shown.pages.iter().flat_map(|(_, posts)| posts).rev() {
                let span = (end, end + height(post));
                end = span.1;
                if span.1 > self.view.from_end && span.0 < self.view.from_end + self.view.height {
                    seen.insert(0, post.at.as_millis());
                }
            }
            seen
        }
    }

    #[test]
    fn reading_back_moves_nothing_and_stays_bounded() {
        let source = posts(0..3_000);
        let mut window = Window::open(&source);
        assert_eq!(window.pages.ids().len(), 1, "one page is enough at first");
        let mut newest = 2_999;
        while window.seen()[0] > 0 {
            let before = (window.seen(), window.pages.ids().len());
            window.scroll(&source, 300.0);
            let seen = window.seen();
            assert!(seen.contains(&before.0[0]), "the line that was at the top is in the window");
            assert!(
                seen.windows(2).all(|two| two[1] == two[0] + 1),
                "nothing is blank or left out: {seen:?}"
            );
            assert!(window.pages.ids().len() <= before.1 + 1, "one page at a time");
            newest = newest.min(*seen.last().unwrap());
        }
        assert!(newest < 60);
        assert!(!window.pages.has_older());
        while !window.is_at_end() {
            window.scroll(&source, -700.0);
            let seen = window.seen();
            assert!(seen.windows(2).all(|two| two[1] == two[0] + 1), "{seen:?}");
        }
        window.refresh(&source);
        assert_eq!(window.seen().last(), Some(&2_999));
        assert!(window.pages.ids().len() <= 3, "early pages are dropped at the end");
    }

    #[test]
    fn new_posts_begin_pages_and_move_nothing() {
        let mut source = posts(0..200);
        let mut window = Window::open(&source);
        for at in 200..500 {
            source.0.push(post(at));
            window.refresh(&source);
            assert_eq!(window.seen().last(), Some(&at));
            let count: usize = window.shown.pages.iter().map(|(_, posts)| posts.len()).sum();
            assert!(count <= 3 * PAGE, "{count} posts");
        }
        window.scroll(&source, 5_000.0);
        let seen = window.seen();
        let ids = window.pages.ids();
        // Three thousand at once, of which those are shown that are near.
        source.0.extend((500..3_500).map(post));
        window.refresh(&source);
        window.view.from_end += (500..3_500).map(|at| height(&post(at))).sum::<f64>();
        window.settle(&source);
        assert_eq!(window.pages.ids()[..ids.len()], ids, "pages that are shown stay the same");
        let now = window.seen();
        assert!(now.first() <= seen.first() && !now.is_empty(), "{now:?}");
        // At the end, more than two pages of posts begin anew.
        window.view.from_end = 0.0;
        source.0.extend((3_500..9_000).map(post));
        window.refresh(&source);
        assert_eq!(window.seen().last(), Some(&8_999));
        assert!(window.pages.ids().len() <= 3);
    }

    #[test]
    fn a_jump_shows_the_pages_around_a_post() {
        let source = posts(0..3_000);
        for at in [0, 1, 59, 60, 1_500, 2_939, 2_940, 2_999] {
            let mut window = Window::open(&source);
            window.pages.reach(&source, &post(at));
            window.shown = window.pages.read(&source, false);
            let shown: Vec<u64> = window
                .shown
                .pages
                .iter()
                .flat_map(|(_, posts)| posts)
                .map(|post| post.at.as_millis())
                .collect();
            assert!(shown.contains(&at) && shown.len() <= 3 * PAGE, "{at}: {} posts", shown.len());
            assert!(shown[0] == 0 || shown[0] < at, "{at}: posts before it are shown too");
            window.check();
        }
    }

    /// Numbers that look random and are the same each time (splitmix64).
    struct Random(u64);

    impl Random {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((mixed ^ (mixed >> 31)) % end as u64) as usize
        }
    }

    #[test]
    fn pages_are_all_posts_whatever_comes_and_goes() {
        for seed in 0..60 {
            let mut random = Random(seed);
            let mut source = posts((0..random.below(900) as u64).map(|at| at * 1_000));
            let mut window = Window::open(&source);
            for _ in 0..80 {
                match random.below(6) {
                    0 => (0..random.below(200)).for_each(|_| {
                        let at = random.below(1_000_000) as u64;
                        let place = source.0.partition_point(|other| other.at.as_millis() < at);
                        if source.0.get(place).is_none_or(|other| other.at.as_millis() != at) {
                            source.0.insert(place, post(at));
                        }
                    }),
                    1 if !source.0.is_empty() => {
                        let from = random.below(source.0.len());
                        let to = (from + random.below(150)).min(source.0.len());
                        source.0.drain(from..to);
                    }
                    2 if !source.0.is_empty() => {
                        let post = source.0[random.below(source.0.len())].clone();
                        window.pages.reach(&source, &post);
                        window.view.from_end = 1.0 + random.below(20_000) as f64;
                    }
                    _ => window.scroll(&source, random.below(4_000) as f64 - 2_000.0),
                }
                window.refresh(&source);
                // Pages lie side by side and reach to the end, and what is shown of them is all that is there.
                let known = &window.pages.known;
                let bounds: Vec<Option<(Stamp, PostId, PeerId)>> =
                    known.iter().map(|page| page.after.as_ref().map(place)).collect();
                assert!(bounds.is_sorted(), "seed {seed}: {bounds:?}");
                let end = known.get(window.pages.shown.end).and_then(|page| page.after.as_ref());
                let first = known[window.pages.shown.start].after.as_ref();
                let expected = between(&source, first, end);
                let shown: Vec<Post> =
                    window.shown.pages.iter().flat_map(|(_, posts)| posts.clone()).collect();
                assert_eq!(shown, expected, "seed {seed}");
            }
        }
    }
}
