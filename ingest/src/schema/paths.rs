//! Where in a JSON object the parts of an event lie: all paths of a schema as one tree, so that an object is gone through once.

/// The member that says what an event is, whatever a pipeline declares.
pub(crate) const EVENT_TYPE: &str = "event_type";
/// The member by which an event names the one that it corrects, whatever a pipeline declares.
pub(crate) const SUPERSEDES: &str = "supersedes";

/// The paths of a schema, and the cells of its parts, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonParts {
    pub(crate) paths: Paths,
    pub(crate) event_type: usize,
    pub(crate) supersedes: usize,
    pub(crate) event_id: usize,
    pub(crate) event_time: usize,
    pub(crate) amount_minor: Option<usize>,
    pub(crate) currency: Option<usize>,
    pub(crate) entities: Vec<usize>,
    pub(crate) attributes: Vec<usize>,
    pub(crate) label: Option<usize>,
}

/// Some paths. Each ends in a cell, and two parts that lie in one place share it; the first cell is the object's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paths {
    whole: Member,
    cells: usize,
}

/// A member of an object that is on a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    name: String,
    /// Where its value is wanted: a path ends here.
    pub(crate) cell: Option<usize>,
    /// Where paths go on.
    pub(crate) below: Vec<Member>,
}

impl Default for Paths {
    fn default() -> Self {
        Self { whole: Member::ALONE, cells: 1 }
    }
}

impl Paths {
    /// The object's own cell.
    pub(crate) const WHOLE: usize = 0;

    /// Adds a path; the cell where it ends.
    pub(crate) fn add(&mut self, path: &[String]) -> usize {
        let member = path.iter().fold(&mut self.whole, |member, name| member.named(name));
        *member.cell.get_or_insert_with(|| {
            self.cells += 1;
            self.cells - 1
        })
    }

    /// The object, with what is wanted of it below.
    pub(crate) const fn whole(&self) -> &Member {
        &self.whole
    }

    /// How many cells there are.
    pub(crate) const fn cells(&self) -> usize {
        self.cells
    }
}

impl Member {
    /// A value that is wanted for itself, in the only cell.
    pub(crate) const ALONE: Self = Self { name: String::new(), cell: Some(Paths::WHOLE), below: Vec::new() };

    /// What is below it under a name.
    pub(crate) fn find(&self, name: &str) -> Option<&Self> {
        self.below.iter().find(|member| member.name == name)
    }

    /// The same, put there where it is not.
    fn named(&mut self, name: &str) -> &mut Self {
        let known = self.below.iter().position(|member| member.name == name);
        let place = known.unwrap_or_else(|| {
            self.below.push(Self { name: name.to_owned(), cell: None, below: Vec::new() });
            self.below.len() - 1
        });
        &mut self.below[place]
    }
}
