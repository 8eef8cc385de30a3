//! From text to a tree. The grammar is that of the `cel` crate's parser; here its tree becomes ours, and what rules do not have is
//! refused by name.
//!
//! That parser is a generated one, and needs tens of kilobytes of stack for each level of nesting. It therefore runs on a thread with a
//! stack of its own, so that neither a deep expression nor a panic in it reaches the program.

use std::ops::Range;
use std::thread;

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators};

use super::error::ExpressionError;
use super::message::syntax_error;
use super::tree::{Arithmetic, Binary, Comparison, Kind, Node, Quantifier};
use super::{MAX_BYTES, MAX_NESTING};

/// More than the parser takes for the deepest expression that it accepts, in a build without optimisation.
const STACK_BYTES: usize = 32 << 20;

/// Reads an expression.
pub(super) fn parse(text: &str) -> Result<Node, ExpressionError> {
    if text.len() > MAX_BYTES {
        let message = format!("an expression may have {MAX_BYTES} bytes, this one has {}", text.len());
        return Err(ExpressionError::at(text, 0..text.len(), message));
    }
    let whole = |message: &str| ExpressionError::at(text, 0..text.len(), message);
    thread::scope(|scope| {
        let reader = thread::Builder::new().name("cel-parser".to_owned()).stack_size(STACK_BYTES);
        match reader.spawn_scoped(scope, || read(text)) {
            Ok(thread) => thread.join().unwrap_or_else(|_| Err(whole("this expression cannot be read"))),
            Err(_) => Err(whole("there is no memory to read this expression with")),
        }
    })
}

fn read(text: &str) -> Result<Node, ExpressionError> {
    let parser = cel::parser::Parser::new().max_recursion_depth(MAX_NESTING as u16).error_recovery_limit(1);
    let (expression, source) = parser.parse_with_source_info(text).map_err(|errors| syntax_error(text, &errors))?;
    Reader { text, source }.node(&expression, 0)
}

struct Reader<'a> {
    text: &'a str,
    source: SourceInfo,
}

impl Reader<'_> {
    fn node(&self, expression: &IdedExpr, depth: usize) -> Result<Node, ExpressionError> {
        let span = self.span(expression.id);
        if depth > MAX_NESTING {
            return Err(self.refuse(span, format!("an expression may be nested {MAX_NESTING} deep, this one is deeper")));
        }
        match &expression.expr {
            Expr::Literal(literal) => Ok(Node { kind: self.literal(literal, &span)?, span }),
            Expr::Ident(name) => Ok(Node { kind: Kind::Name(name.clone()), span }),
            Expr::Select(select) => {
                let operand = self.node(&select.operand, depth + 1)?;
                let field = select.field.clone();
                if select.test {
                    // It stands at the bracket of `has(`.
                    let span = span.start.saturating_sub("has".len())..operand.span.end + 1 + field.len();
                    return Ok(Node { kind: Kind::Has(Box::new(operand), field), span });
                }
                let span = operand.span.start..self.end_of(span.end, &field);
                Ok(Node { kind: Kind::Select(Box::new(operand), field), span })
            }
            Expr::List(list) => {
                let elements: Vec<Node> = self.nodes(&list.elements, depth)?;
                let end = elements.last().map_or(span.end, |last| last.span.end);
                Ok(Node { span: span.start..end.max(span.end), kind: Kind::List(elements) })
            }
            Expr::Call(call) => self.call(call, span, depth),
            Expr::Comprehension(comprehension) => self.quantified(comprehension, span, depth),
            Expr::Map(_) => Err(self.refuse(span, "maps are not supported in rules")),
            Expr::Struct(_) => Err(self.refuse(span, "messages are not supported in rules")),
            Expr::Unspecified => Err(self.refuse(span, "something is missing here")),
        }
    }

    fn nodes(&self, expressions: &[IdedExpr], depth: usize) -> Result<Vec<Node>, ExpressionError> {
        expressions.iter().map(|each| self.node(each, depth + 1)).collect()
    }

    fn literal(&self, literal: &LiteralValue, span: &Range<usize>) -> Result<Kind, ExpressionError> {
        Ok(match literal {
            LiteralValue::Boolean(flag) => Kind::Bool(*flag.inner()),
            LiteralValue::Int(whole) => Kind::Int(*whole.inner()),
            LiteralValue::Double(number) => Kind::Double(*number.inner()),
            LiteralValue::String(text) => Kind::Text(text.inner().to_owned()),
            LiteralValue::UInt(_) => {
                return Err(self.refuse(span.clone(), "unsigned numbers are not supported in rules: leave out the `u`"));
            }
            LiteralValue::Bytes(_) => {
                return Err(self.refuse(span.clone(), "bytes are not supported in rules: leave out the `b`"));
            }
            LiteralValue::Null => {
                return Err(self
                    .refuse(span.clone(), "null is not supported in rules: `has(event.name)` says whether something is there"));
            }
        })
    }

    fn call(&self, call: &CallExpr, span: Range<usize>, depth: usize) -> Result<Node, ExpressionError> {
        let mut arguments = self.nodes(&call.args, depth)?;
        let target = call.target.as_ref().map(|target| self.node(target, depth + 1)).transpose()?;
        let around = arguments.iter().fold(span.clone(), |all, each| all.start.min(each.span.start)..all.end.max(each.span.end));
        let name = call.func_name.as_str();
        if let (Some(binary), None, 2) = (binary(name), &target, arguments.len()) {
            let right = arguments.pop().expect("there are two");
            let left = arguments.pop().expect("there are two");
            return Ok(Node { kind: Kind::Binary(binary, Box::new((left, right))), span: around });
        }
        match (name, arguments.len()) {
            (operators::LOGICAL_NOT, 1) => {
                let operand = arguments.pop().expect("there is one");
                return Ok(Node { kind: Kind::Not(Box::new(operand)), span: around });
            }
            (operators::NEGATE, 1) => {
                let operand = arguments.pop().expect("there is one");
                return Ok(Node { kind: Kind::Negate(Box::new(operand)), span: around });
            }
            (operators::CONDITIONAL, 3) => {
                let otherwise = arguments.pop().expect("there are three");
                let then = arguments.pop().expect("there are three");
                let condition = arguments.pop().expect("there are three");
                return Ok(Node { kind: Kind::Choose(Box::new((condition, then, otherwise))), span: around });
            }
            (operators::INDEX | operators::OPT_INDEX, _) => {
                return Err(self.refuse(around, "`[…]` after a value is not supported in rules"));
            }
            _ => {}
        }
        // It stands at its bracket, the name just before.
        let start = self.text[..span.start].trim_end().len().saturating_sub(name.len());
        let start = target.as_ref().map_or(start, |target| target.span.start);
        let span = start..around.end.max(span.end);
        Ok(Node { kind: Kind::Call { function: name.to_owned(), target: target.map(Box::new), arguments }, span })
    }

    /// A macro has been written out as a loop: `exists` and `all` are known again by what they begin with.
    fn quantified(&self, of: &ComprehensionExpr, span: Range<usize>, depth: usize) -> Result<Node, ExpressionError> {
        let quantifier = match &of.accu_init.expr {
            Expr::Literal(LiteralValue::Boolean(begins)) if *begins.inner() => Quantifier::All,
            Expr::Literal(LiteralValue::Boolean(_)) => Quantifier::Exists,
            _ => return Err(self.refuse(span, "of what runs over lists, rules have `exists` and `all` alone")),
        };
        let body = match &of.loop_step.expr {
            Expr::Call(step) if step.args.len() == 2 => self.node(&step.args[1], depth + 1)?,
            _ => return Err(self.refuse(span, "this loop is not supported in rules")),
        };
        let list = self.node(&of.iter_range, depth + 1)?;
        let span = list.span.start..body.span.end.max(list.span.end);
        let variable = of.iter_var.clone();
        Ok(Node { kind: Kind::Quantified { quantifier, list: Box::new(list), variable, body: Box::new(body) }, span })
    }

    /// The crate's ends are inclusive.
    fn span(&self, id: u64) -> Range<usize> {
        let (start, stop) = self.source.offset_for(id).unwrap_or((0, 0));
        start as usize..stop as usize + 1
    }

    /// Where a field ends that is written after the dot that ends at `dot`.
    fn end_of(&self, dot: usize, field: &str) -> usize {
        self.text.get(dot..).and_then(|after| after.find(field)).map_or(dot, |gap| dot + gap + field.len())
    }

    fn refuse(&self, span: Range<usize>, message: impl Into<String>) -> ExpressionError {
        ExpressionError::at(self.text, span, message)
    }
}

fn binary(operator: &str) -> Option<Binary> {
    Some(match operator {
        operators::LOGICAL_AND => Binary::And,
        operators::LOGICAL_OR => Binary::Or,
        operators::IN => Binary::In,
        operators::EQUALS => Binary::Compare(Comparison::Equal),
        operators::NOT_EQUALS => Binary::Compare(Comparison::NotEqual),
        operators::LESS => Binary::Compare(Comparison::Less),
        operators::LESS_EQUALS => Binary::Compare(Comparison::AtMost),
        operators::GREATER => Binary::Compare(Comparison::Greater),
        operators::GREATER_EQUALS => Binary::Compare(Comparison::AtLeast),
        operators::ADD => Binary::Arithmetic(Arithmetic::Add),
        operators::SUBSTRACT => Binary::Arithmetic(Arithmetic::Subtract),
        operators::MULTIPLY => Binary::Arithmetic(Arithmetic::Multiply),
        operators::DIVIDE => Binary::Arithmetic(Arithmetic::Divide),
        operators::MODULO => Binary::Arithmetic(Arithmetic::Remainder),
        _ => return None,
    })
}
