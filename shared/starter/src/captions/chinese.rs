//! Captions in Chinese: written in simplified characters, a third of them then in traditional ones.

use crate::random::Random;
use crate::scene::{Background, Colour, Kind, Layout, Object, Place, Relation, Scene, Size};

/// Of captions in traditional characters.
const TRADITIONAL: f32 = 0.33;
/// Of captions with a space after each character: so some tokenizers see all Chinese texts.
const SPACED: f32 = 0.08;
/// Of captions with the comma of English.
const NARROW: f32 = 0.25;
/// Characters of these captions that differ, simplified and traditional.
const DIFFER: [(char, char); 18] = [
    ('红', '紅'),
    ('黄', '黃'),
    ('绿', '綠'),
    ('蓝', '藍'),
    ('圆', '圓'),
    ('树', '樹'),
    ('阳', '陽'),
    ('云', '雲'),
    ('鱼', '魚'),
    ('边', '邊'),
    ('间', '間'),
    ('顶', '頂'),
    ('个', '個'),
    ('颗', '顆'),
    ('条', '條'),
    ('张', '張'),
    ('图', '圖'),
    ('爱', '愛'),
];

pub(super) fn caption(scene: &Scene, random: &mut Random) -> String {
    let text = simplified(scene, random);
    let text = if random.chance(TRADITIONAL) { traditional(&text) } else { text };
    match random.unit() {
        share if share < SPACED => spaced(&text),
        share if share < SPACED + NARROW => text.replace('，', ", "),
        _ => text,
    }
}

fn traditional(text: &str) -> String {
    text.chars().map(|c| DIFFER.iter().find(|(simple, _)| *simple == c).map_or(c, |(_, full)| *full)).collect()
}

fn spaced(text: &str) -> String {
    let characters: Vec<String> = text.chars().map(String::from).collect();
    characters.join(" ")
}

fn simplified(scene: &Scene, random: &mut Random) -> String {
    let (on, name) = behind(scene.background, random);
    match (&scene.objects[..], scene.layout) {
        ([object], Layout::Single { size, place }) => {
            let (text, one) = (thing(object, size, random), counted(object.kind));
            match (random.bits() % 6, where_is(place, random)) {
                (0 | 1, None) => format!("{on}的{text}"),
                (0 | 1, Some(place)) => format!("{on}{place}的{text}"),
                (2, None) => format!("{name}，{text}"),
                (2, Some(place)) => format!("{name}，{place}是{text}"),
                (3, None) => format!("{text}，{name}"),
                (3, Some(place)) => format!("{place}的{text}，{name}"),
                (4, None) => format!("{on}有{one}{text}"),
                (4, Some(place)) => format!("{on}，{place}有{one}{text}"),
                (_, None) => format!("{one}{text}，{name}"),
                (_, Some(place)) => format!("{place}有{one}{text}，{name}"),
            }
        }
        ([one, other], Layout::Pair(relation)) => {
            // The same seen from the other side.
            let (one, other, relation) =
                if random.chance(0.3) { (other, one, relation.reversed()) } else { (one, other, relation) };
            let (first, second) = (thing(one, Size::Normal, random), thing(other, Size::Normal, random));
            let side = beside(relation, random);
            match random.bits() % 4 {
                0 | 1 => format!("{on}，{first}在{second}{side}"),
                2 => format!("{first}在{second}的{side}，{name}"),
                _ => format!("{name}，{second}{side}的{first}"),
            }
        }
        _ => String::new(),
    }
}

/// Size, colour and kind.
fn thing(object: &Object, size: Size, random: &mut Random) -> String {
    let size = match size {
        Size::Small => random.one(&["小", "小的"]),
        Size::Large => random.one(&["大", "大的"]),
        Size::Normal => "",
    };
    let of = random.one(&["的", "的", ""]);
    format!("{size}{}{of}{}", colour(object.colour, random), kind(object.kind, random))
}

/// What comes before a thing that is there, and what it is called by itself.
fn behind(background: Background, random: &mut Random) -> (String, String) {
    let (on, name): (&[&str; 3], &[&str; 2]) = match background {
        Background::Plain(plain) => {
            let of = random.one(&["", "", "的"]);
            let name = format!("{}{of}{}", colour(plain, random), random.one(&["背景", "背景", "底"]));
            return (format!("{name}上"), name);
        }
        Background::Day => (&["白天的天空中", "白天", "蓝天上"], &["白天", "蓝天"]),
        Background::Sunset => (&["日落时", "夕阳下", "日落的天空中"], &["日落", "夕阳"]),
        Background::Night => (&["夜空中", "夜空中", "夜晚的天空中"], &["夜空", "夜晚"]),
        Background::Sea => (&["海上", "大海上", "海面上"], &["大海", "海面"]),
        Background::Grass => (&["草地上", "草地上", "绿草地上"], &["草地", "绿草地"]),
    };
    (random.one(on).into(), random.one(name).into())
}

fn where_is(place: Place, random: &mut Random) -> Option<&'static str> {
    match place {
        Place::Centre if random.chance(0.15) => Some(random.one(&["中间", "中央"])),
        Place::Centre => None,
        Place::Left => Some(random.one(&["左边", "左侧"])),
        Place::Right => Some(random.one(&["右边", "右侧"])),
        Place::Top => Some(random.one(&["上方", "顶部"])),
        Place::Bottom => Some(random.one(&["下方", "底部"])),
    }
}

fn beside(relation: Relation, random: &mut Random) -> &'static str {
    match relation {
        Relation::LeftOf => random.one(&["左边", "左侧"]),
        Relation::RightOf => random.one(&["右边", "右侧"]),
        Relation::Above => random.one(&["上方", "上面"]),
        Relation::Below => random.one(&["下方", "下面"]),
    }
}

/// The word for one of its kind.
fn counted(kind: Kind) -> &'static str {
    match kind {
        Kind::Circle | Kind::Square | Kind::Triangle | Kind::Sun => "一个",
        Kind::Star | Kind::Heart => "一颗",
        Kind::Tree => "一棵",
        Kind::House => "一座",
        Kind::Moon => "一轮",
        Kind::Cloud | Kind::Flower => "一朵",
        Kind::Fish => "一条",
        Kind::Boat => "一艘",
    }
}

fn colour(colour: Colour, random: &mut Random) -> &'static str {
    match colour {
        Colour::Red => "红色",
        Colour::Orange => random.one(&["橙色", "橙色", "橘色"]),
        Colour::Yellow => "黄色",
        Colour::Green => "绿色",
        Colour::Blue => "蓝色",
        Colour::Purple => "紫色",
        Colour::Pink => random.one(&["粉色", "粉红色"]),
        Colour::White => "白色",
        Colour::Black => "黑色",
    }
}

fn kind(kind: Kind, random: &mut Random) -> &'static str {
    match kind {
        Kind::Circle => random.one(&["圆形", "圆"]),
        Kind::Square => random.one(&["正方形", "方块"]),
        Kind::Triangle => "三角形",
        Kind::Star => random.one(&["星星", "星星", "五角星"]),
        Kind::Heart => random.one(&["心形", "爱心"]),
        Kind::Tree => "树",
        Kind::House => random.one(&["房子", "房屋"]),
        Kind::Sun => "太阳",
        Kind::Moon => "月亮",
        Kind::Cloud => random.one(&["云", "云朵"]),
        Kind::Fish => "鱼",
        Kind::Flower => random.one(&["花", "花朵"]),
        Kind::Boat => random.one(&["船", "帆船"]),
    }
}
