mod jar;
mod javascript;

mod sync;
